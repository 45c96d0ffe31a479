"""What the groups of commands have in common."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

import click
from flask.cli import AppGroup
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from core.exceptions import CommandError, ServiceError
from schemas.common import Alignment, DetectionMethod, DetectorName, ModelName, Normalization
from schemas.fields import CollectionName

Options = tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]
_OPTIONS: Options = (
    click.option(
        "--model", "model_name", type=click.Choice(get_args(ModelName)), help="Recognition model, else DEFAULT_MODEL."
    ),
    click.option(
        "--detector", "detector_backend", type=click.Choice(get_args(DetectorName)), help="Else DEFAULT_DETECTOR."
    ),
    click.option("--normalization", type=click.Choice(get_args(Normalization)), help="Else DEFAULT_NORMALIZATION."),
    click.option("--align/--no-align", default=None, help="Else DEFAULT_ALIGN."),
    click.option("--expand-percentage", type=click.IntRange(0, 100), help="Else DEFAULT_EXPAND_PERCENTAGE."),
)
# How faces are searched and cut out in ways that DeepFace does not have.
_WAYS: Options = (
    click.option("--alignment", type=click.Choice(get_args(Alignment)), help="Else DEFAULT_ALIGNMENT."),
    click.option("--detection", type=click.Choice(get_args(DetectionMethod)), help="Else DETECTION."),
)


class ReportingGroup(AppGroup):
    """Commands whose known errors are one line."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ServiceError, CommandError) as error:
            raise click.ClickException(str(error)) from None


@contextmanager
def disk_errors(sentence: str) -> Iterator[None]:
    """Report what the operating system refuses inside in one line, which begins with the sentence."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{sentence}: {error.strerror}.") from None


def collection_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An option's value, where there is one, as a collection may be called."""
    try:
        return TypeAdapter[str | None](CollectionName | None).validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None


def with_options(options: Options, command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options, in this order."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def with_embedding_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how faces are embedded, by the names of the fields of `EmbeddingOptions`."""
    return with_options((*_OPTIONS, *_WAYS), command)


def with_deepface_options(command: Callable[..., None]) -> Callable[..., None]:
    """Those of `with_embedding_options` that DeepFace has too."""
    return with_options(_OPTIONS, command)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by how many of how many are done."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show
