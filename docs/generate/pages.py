"""Every page of `docs/reference/` by its file name, made from the code."""

from collections.abc import Iterator
from pathlib import Path

from api.openapi import openapi_document
from docs.generate.application import application
from docs.generate.commands import commands
from docs.generate.endpoints import endpoints
from docs.generate.errors import errors
from docs.generate.metrics import metrics
from docs.generate.models import models
from docs.generate.options import options
from docs.generate.settings import settings

PAGES = Path(__file__).parents[1] / "reference"
MADE = "<!-- Written by `make reference` from the code. Do not edit. -->"


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    return {
        "settings.md": _page("Settings", settings()),
        "errors.md": _page("Errors", errors()),
        "endpoints.md": _page("Endpoints", endpoints()),
        "options.md": _page("Options", options()),
        "commands.md": _page("Commands", commands()),
        "models.md": _page("Models", models()),
        "metrics.md": _page("Metrics", metrics()),
        "openapi.json": _openapi(),
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}", "", MADE, "", *lines]).rstrip() + "\n"


def _openapi() -> str:
    """Return the OpenAPI document without doors: clients of the other systems come from there."""
    return openapi_document(application(doors=())).content.decode() + "\n"
