"""What the groups of commands have in common."""

from typing import Any

import click
from flask.cli import AppGroup
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from core.exceptions import ServiceError
from schemas.fields import CollectionName


class ReportingGroup(AppGroup):
    """Commands whose known errors are one line."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ServiceError as error:
            raise click.ClickException(error.message) from None


def collection_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An option's value, where there is one, as a collection may be called."""
    try:
        return TypeAdapter[str | None](CollectionName | None).validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None
