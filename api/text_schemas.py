"""Schemas of requests as text: forms and query strings, in which everything is text or a file."""

from collections.abc import Iterable, Iterator
from typing import Any

from openapi_pydantic import Parameter, Schema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from schemas.common import RAW_IMAGE_FIELD, Request

COMPONENT = "#/components/schemas/{model}"


class _WithoutNull(GenerateJsonSchema):
    """Schema generator for text input: there `null` would be a text of four letters."""

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        return {key: value for key, value in described.items() if (key, value) != ("default", None)}


def form(model: type[Request]) -> dict[str, Any]:
    """Return the schema of a form, in which an object or a list of numbers is JSON text."""
    described = model.model_json_schema(ref_template=COMPONENT, schema_generator=_WithoutNull)
    for name, schema in described["properties"].items():
        if schema.get("type") == "object" or (
            schema.get("type") == "array" and name not in model.repeatable | model.image_lists
        ):
            text = {"type": "string", "contentMediaType": "application/json"}
            described["properties"][name] = text | {"description": schema.get("description", "")}
        elif {"$ref", "default"} <= schema.keys():  # OpenAPI knows no default beside a reference
            schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    described.pop("$defs", None)  # components, since the JSON body has the same fields
    return described


def multipart_form(model: type[Request]) -> dict[str, Any]:
    """Return the schema of a form whose images are files."""
    described = form(model)
    for name in (model.image_fields() - model.image_lists) & described["properties"].keys():
        described["properties"][name]["format"] = "binary"
    for name in model.image_lists:
        described["properties"][name]["items"]["format"] = "binary"
        described["properties"][name].pop("uniqueItems", None)  # applies to JSON values, not to files
    return described


def forms(models: Iterable[type[Request]]) -> Iterator[tuple[str, Schema]]:
    """Yield the components of the forms with their names."""
    for model in models:
        if model.is_form or (model.image_fields() and not model.is_json):
            yield multipart_name(model), Schema.model_validate(multipart_form(model) | {"title": multipart_name(model)})
        if model.image_fields() and not (model.is_form or model.is_json):
            yield form_name(model), Schema.model_validate(form(model) | {"title": form_name(model)})


def form_name(model: type[Request]) -> str:
    """Return the name of the component of a form."""
    return f"{model.__name__.removesuffix('Request')}Form"


def multipart_name(model: type[Request]) -> str:
    """Return the name of the component of a form with files; without images, the two forms are the same."""
    return f"{model.__name__.removesuffix('Request')}Upload" if model.image_fields() else form_name(model)


def query_parameters(model: type[Request]) -> list[Parameter]:
    """Return the parameters of a query string."""
    described = form(model)
    required = described.get("required", ())
    return [_parameter(name, schema, name in required) for name, schema in described["properties"].items()]


def image_options(model: type[Request]) -> list[Parameter]:
    """Return the options of the query string of a request with the image as its body.

    They have no defaults: a client that filled them in would send them beside a JSON body, which is an error.
    """
    if not model.takes_raw_image():
        return []
    images = {RAW_IMAGE_FIELD, *model.image_lists}
    options = {name: schema for name, schema in form(model)["properties"].items() if name not in images}
    return [_parameter(name, _without_default(schema)) for name, schema in options.items()]


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    described = f"Only with an image body. {schema.get('description', '')}"
    if "default" in schema:
        default = schema["default"]
        described += f" Default: {str(default).lower() if isinstance(default, bool) else default}."
    rest = {key: value for key, value in schema.items() if key not in ("default", "allOf")}
    (reference,) = schema.get("allOf", [{}])  # wrapped for the sake of the default only
    return {**rest, **reference, "description": described}


def _parameter(name: str, schema: dict[str, Any], is_required: bool = False) -> Parameter:
    described = {"name": name, "in": "query", "description": schema.pop("description", None), "schema": schema}
    return Parameter.model_validate(described | ({"required": True} if is_required else {}))
