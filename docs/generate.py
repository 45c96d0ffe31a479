"""`python -m docs.generate` writes `docs/reference/` from the code, with `openapi.json`; a test compares it."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from flask import Flask
from pydantic_core import PydanticUndefined

from api.cli import face_service
from api.door import doors_of
from api.factory import create_app
from api.openapi import door_views, openapi_document, summary, views
from api.route import Route, route_of
from core.exceptions import ServiceError
from core.metrics.definitions import METRICS
from core.settings import Settings
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model

PAGES = Path(__file__).parent / "reference"
MADE = "<!-- Written by `make reference` from the code. Do not edit. -->"


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (PAGES / name).write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    return {
        "settings.md": _page("Settings", _settings()),
        "errors.md": _page("Errors", _errors()),
        "endpoints.md": _page("Endpoints", _endpoints()),
        "options.md": _page("Options", _options()),
        "commands.md": _page("Commands", _commands()),
        "models.md": _page("Models", _models()),
        "metrics.md": _page("Metrics", _metrics()),
        "openapi.json": _openapi(),
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}", "", MADE, "", *lines]).rstrip() + "\n"


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    yield ""


def _settings() -> Iterator[str]:
    yield "Set them as environment variables or in `.env`. A setting in the environment wins."
    yield ""
    groups = [base for base in reversed(Settings.__mro__) if base.__module__.startswith("core.settings.")]
    for group in groups[:-1]:
        yield f"## {(group.__doc__ or '').strip().removesuffix('.')}"
        yield ""
        yield from _table(
            ("setting", "default", "description"),
            (
                (f"`{name.upper()}`", _default(field), field.description or "")
                for name, field in Settings.model_fields.items()
                if name in inspect.get_annotations(group)
            ),
        )


def _default(field: Any) -> str:
    if field.default_factory is not None:
        return "the home folder"
    if field.default in ("", (), None, PydanticUndefined):
        return "(empty)"
    if isinstance(field.default, tuple):
        return f"`{','.join(map(str, field.default))}`"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _errors() -> Iterator[str]:
    yield "Every error has this body. `details` may hold more, for example `fields` with each wrong field:"
    yield ""
    yield "```json"
    yield '{"success": false, "error_code": "validation_error", "message": "The request is not valid.",'
    yield ' "request_id": "5f301b72", "details": {"fields": [{"field": "img1", "msg": "Field required"}]}}'
    yield "```"
    yield ""
    yield from _table(
        ("error_code", "HTTP", "raised when", "what to do"),
        (
            (f"`{error.code}`", str(error.status), _raised(error), _remedy(error))
            for error in sorted(_concrete(ServiceError), key=lambda error: (error.status, error.code))
        ),
    )


def _concrete(base: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for error in base.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _concrete(error)


def _raised(error: type[ServiceError]) -> str:
    return " ".join((error.__doc__ or "").split()).removeprefix("Raised ").removeprefix("when ")


def _remedy(error: type[ServiceError]) -> str:
    return error.remedy or error.default_message.partition(". ")[2]


@cache
def _app(**settings: Any) -> Flask:
    with TemporaryDirectory() as folder:
        return create_app(Settings(_env_file=None, data_path=Path(folder), **settings))


def _openapi() -> str:
    """Return the OpenAPI document without doors: clients of the other systems come from there."""
    return openapi_document(_app(doors=())).content.decode() + "\n"


@cache
def _routes() -> dict[str, tuple[str, Route]]:
    """Return the summary and description of every route by its method and path."""
    return {f"{method} {path}": (summary(view), route_of(view)) for method, path, view in views(_app())}


Field = tuple[str, str, str]  # name, type and description


def _fields(route: Route) -> list[Field]:
    model = route.request or route.query
    if model is None:
        return []
    schema = model.model_json_schema(ref_template="{model}")
    fields = _with_values(schema["properties"], schema.get("$defs", {}))
    return [(f"`{name}`", _type(of), of.get("description", "")) for name, of in fields.items()]


@cache
def _shared() -> dict[Field, list[str]]:
    """Return the described fields that bodies of several endpoints have, each with these endpoints."""
    found: dict[Field, list[str]] = {}
    for name, (_, route) in _routes().items():
        for field in _fields(route) if route.request else ():
            found.setdefault(field, []).append(name)
    return {field: names for field, names in sorted(found.items()) if len(names) > 1 and field[-1]}


def _endpoints() -> Iterator[str]:
    yield "All are available at `/` and under `/api/v1`. `GET /openapi.json` describes them for programs, `GET /docs`"
    yield "for people. Every answer carries `X-Request-Id` (yours, if you sent one) and `X-Response-Time-Ms`. To a"
    yield "request with an API key, `Server-Timing` tells the milliseconds of [each"
    yield "stage](../how-to/monitor.md#times-of-one-request)."
    yield ""
    found = [(name, said, route) for name, (said, route) in _routes().items()]
    yield from _table(
        ("endpoint", "scope", "what it does"),
        (
            (
                f"[`{name}`](#{_anchor(name)})" if route.request or route.query else f"`{name}`",
                _scope(route),
                said,
            )
            for name, said, route in found
        ),
    )
    for name, _, route in found:
        fields = _fields(route)
        if fields:
            yield f"## {name}"
            yield ""
            own = [field for field in fields if field not in _shared()]
            if own:
                yield from _table(("field", "type", "description"), iter(own))
            shared = [field for field in fields if field in _shared()]
            if shared:
                yield f"{'And the' if own else 'The'} [options](options.md): {', '.join(name for name, *_ in shared)}."
                yield ""
    yield "## Doors"
    yield ""
    yield "The setting `DOORS` opens them. Each answers as another system does; `GET /openapi.json` has their fields."
    yield ""
    yield from _table(
        ("door", "endpoint", "scope", "what it does"),
        (
            (door.title, f"`{method} {path}`", _scope(route_of(view)), summary(view))
            for door in doors_of(_app())
            for method, path, view in door_views(_app(), door)
        ),
    )


def _options() -> Iterator[str]:
    yield "The fields that several [endpoints](endpoints.md) take. [Send images and options](../how-to/requests.md)"
    yield "says how to write them."
    yield ""
    yield from _table(
        ("option", "type", "description", "endpoints"),
        (
            (*field, ", ".join(f"`{name.removeprefix('POST ')}`" for name in names))
            for field, names in _shared().items()
        ),
    )


def _models() -> Iterator[str]:
    yield "[Choose models](../how-to/models.md) says what the columns mean. `GET /models` has the same as JSON, with"
    yield "inputs, thresholds, sources and status."
    yield ""
    yield "## Presets"
    yield ""
    yield from _table(
        ("preset", "model", "detector", "`ATTRIBUTE_MODELS`"),
        (
            (f"`{preset.name}`", preset.model, preset.detector, f"`{preset.attributes}`")
            for preset in catalogue.PRESETS.values()
        ),
    )
    yield "## Licences"
    yield ""
    yield from _table(
        ("model", "task", "files", "licence", "commercial use", "why"),
        (
            (
                model.name,
                model.task,
                _size(model),
                model.license.name,
                model.license.commercial_use,
                f"[{model.license.reason}]({model.license.source})",
            )
            for model in catalogue.MODELS.values()
        ),
    )
    yield "## Packages"
    yield ""
    extras: dict[str, list[str]] = {}
    for model in catalogue.MODELS.values():
        if model.extra is not None:
            needs = f"`{model.extra.command}`" if model.extra.command else f"none. {model.extra.refusal}"
            extras.setdefault(needs, []).append(model.name)
    yield from _table(("models", "command"), ((", ".join(names), needs) for needs, names in extras.items()))
    yield "## Limits"
    yield ""
    yield from _table(
        ("model", "limits"),
        ((model.name, model.limits) for model in catalogue.MODELS.values() if model.limits is not None),
    )
    yield "## Accuracy"
    yield ""
    yield from _table(
        ("model", "benchmark", "what", "value"),
        (
            (model.name, number.benchmark, number.metric, str(number.value))
            for model in catalogue.MODELS.values()
            for number in model.accuracy
        ),
    )


_OVER_WORKERS = {
    "sum": "sum",
    "livesum": "sum of the living ones",
    "livemin": "least of the living ones",
    "livemax": "largest of the living ones",
    "liveall": "one series each, with the label `pid`",
    "read": "of the whole service, read every 15 s at most",
}


def _metrics() -> Iterator[str]:
    yield "What `GET /metrics` answers. [Monitor](../how-to/monitor.md#metrics) says how to scrape it, and has alerts"
    yield "and a dashboard. No label holds a person, a collection, a path or an address."
    yield ""
    yield "The third column says how the values of several workers become one."
    yield ""
    yield from _table(
        ("metric", "type", "workers", "meaning"),
        ((f"`{one.name}`", one.kind, _OVER_WORKERS[one.over_workers], one.help) for one in METRICS),
    )
    yield "## Labels"
    yield ""
    yield from _table(
        ("metric", "label", "values"),
        ((f"`{one.name}`", f"`{label}`", f"{said}.") for one in METRICS for label, said in one.labels.items()),
    )
    yield "## Bounds"
    yield ""
    yield "The upper bounds (`le`) of histograms, besides `+Inf`."
    yield ""
    yield from _table(
        ("metric", "bounds"),
        ((f"`{one.name}`", ", ".join(f"{bound:g}" for bound in one.bounds)) for one in METRICS if one.bounds),
    )


def _size(model: Model) -> str:
    sizes = [file.size for file in model.files]
    if not sizes:
        return "-"
    return "not published" if None in sizes else f"{sum(size or 0 for size in sizes) / 1_000_000:.1f} MB"


def _scope(route: Route) -> str:
    if route.scope is None:
        return "any" if route.any_key else "none"
    return f"`{route.scope.value}`"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _with_values(schema: Any, named: dict[str, Any]) -> Any:
    """Return the schema with the values of each named type in place of its name."""
    if isinstance(schema, list):
        return [_with_values(one, named) for one in schema]
    if not isinstance(schema, dict):
        return schema
    values = named.get(schema.get("$ref", ""), {})
    return {name: _with_values(one, named) for name, one in schema.items()} | (values if "enum" in values else {})


def _type(schema: dict[str, Any]) -> str:
    """Return the type of a field in words, with its range and default."""
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return " or ".join(dict.fromkeys(map(_one_type, choices))) + (
        f", default `{str(schema['default']).lower() if isinstance(schema['default'], bool) else schema['default']}`"
        if schema.get("default") is not None
        else ""
    )


def _one_type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    said = str(schema.get("type") or schema.get("$ref", "value"))
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if low is not None and high is not None:
        return f"{said} {low:g} to {high:g}"
    return said if low is None else f"{said} from {low:g}"


def _commands() -> Iterator[str]:
    yield "The command is `.venv/bin/face-service`, or `face-service` in the activated environment and the container."
    yield ""
    with click.Context(face_service, info_name="face-service") as context:
        for name in face_service.list_commands(context):
            command = face_service.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _command(command, context, f"face-service {name}")


def _command(command: click.Command, parent: click.Context, path: str) -> Iterator[str]:
    with click.Context(command, info_name=path.rsplit(maxsplit=1)[-1], parent=parent) as context:
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None and not inner.hidden:
                    yield from _command(inner, context, f"{path} {name}")
            return
        yield f"## {path}"
        yield ""
        yield "```text"
        yield from command.get_help(context).splitlines()
        yield "```"
        yield ""


if __name__ == "__main__":
    main()
