"""The fields of requests."""

from functools import cache
from typing import Any

from api.route import Route, route_of
from api.views import summary, views
from docs.generate.application import application

Field = tuple[str, str, str]  # name, type and description


@cache
def routes() -> dict[str, tuple[str, Route]]:
    """Return the summary and description of every route by its method and path."""
    return {f"{method} {path}": (summary(view), route_of(view)) for method, path, view in views(application())}


def fields_of(route: Route) -> list[Field]:
    """Return the fields of the body or the query, in the order of the schema."""
    model = route.request or route.query
    if model is None:
        return []
    schema = model.model_json_schema(ref_template="{model}")
    fields = _with_values(schema["properties"], schema.get("$defs", {}))
    return [(f"`{name}`", _type(of), of.get("description", "")) for name, of in fields.items()]


@cache
def shared() -> dict[Field, list[str]]:
    """Return the described fields that bodies of several endpoints have, each with these endpoints."""
    found: dict[Field, list[str]] = {}
    for name, (_, route) in routes().items():
        for field in fields_of(route) if route.request else ():
            found.setdefault(field, []).append(name)
    return {field: names for field, names in sorted(found.items()) if len(names) > 1 and field[-1]}


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
