"""The OpenAPI 3.1 document, built from the same models and decorators that validate."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from openapi_pydantic import (
    DataType,
    Info,
    MediaType,
    OpenAPI,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Response,
    Schema,
    Server,
)
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from api.endpoint import Documented, documented
from api.inputs import RAW_IMAGE_FIELD, takes_raw_image
from core import __version__
from core.exceptions import ServiceError
from schemas.common import ErrorBody, Request

API_PREFIX = "/api/v1"

IMAGE_FIELDS = (RAW_IMAGE_FIELD, "img1", "img2")


def views(app: Flask) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Method, path and view of every route, by path; those mounted again below API_PREFIX only once."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if not rule.rule.startswith(API_PREFIX):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule, app.view_functions[rule.endpoint]


def summary(view: Callable[..., Any]) -> str:
    """What a view says of itself."""
    return inspect.getdoc(view) or ""


def openapi_json(app: Flask) -> str:
    """The document of `app`."""
    paths: dict[str, dict[str, Operation]] = defaultdict(dict)
    for method, path, view in views(app):
        described = documented(view)
        if described is not None:
            paths[path][method.lower()] = _operation(path, summary(view), described)
    document = OpenAPI(
        info=Info(
            title="Face service",
            version=__version__,
            description="Verifies, analyzes, represents, finds and extracts faces.",
        ),
        servers=[Server(url="/"), Server(url=API_PREFIX)],
        paths={path: PathItem(**methods) for path, methods in paths.items()},
    )
    return construct_open_api_with_schema_class(document).model_dump_json(by_alias=True, exclude_none=True, indent=1)


def _operation(path: str, title: str, view: Documented) -> Operation:
    return Operation(
        operationId=path.strip("/") or "info",
        summary=title,
        requestBody=None if view.request is None else _request_body(view.request),
        parameters=None if view.request is None else _query_parameters(view.request),
        responses={
            "200": Response(description="Success", content=_json(view.response)),
            **_error_responses(view.errors),
        },
    )


def _request_body(model: type[Request]) -> RequestBody:
    text, multipart = _as_text(model), _as_text(model)
    for name in IMAGE_FIELDS:
        if name in multipart["properties"]:
            multipart["properties"][name]["format"] = "binary"
    content = {
        "application/json": _media(model),
        "application/x-www-form-urlencoded": MediaType(media_type_schema=Schema.model_validate(text)),
        "multipart/form-data": MediaType(media_type_schema=Schema.model_validate(multipart)),
    }
    if takes_raw_image(model):
        content["image/*"] = MediaType(
            media_type_schema=Schema(type=DataType.STRING, schema_format="binary", minLength=1)
        )
    return RequestBody(required=True, content=content)


class _WithoutNull(GenerateJsonSchema):
    """The schema of what comes as text, where `null` would be four letters."""

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        return {key: value for key, value in described.items() if (key, value) != ("default", None)}


def _as_text(model: type[Request]) -> dict[str, Any]:
    """The fields of a form or a query string."""
    return model.model_json_schema(schema_generator=_WithoutNull)


def _query_parameters(model: type[Request]) -> list[Parameter] | None:
    """The options, as they go into the query string where the image itself is the body."""
    if not takes_raw_image(model):
        return None
    return [
        Parameter.model_validate(
            {
                "name": name,
                "in": "query",
                "description": "Only with an image body. " + schema.pop("description", ""),
                "schema": schema,
            }
        )
        for name, schema in _as_text(model)["properties"].items()
        if name != RAW_IMAGE_FIELD
    ]


def _error_responses(errors: tuple[type[ServiceError], ...]) -> dict[str, Response]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(f"`{error.code}`: {(error.__doc__ or '').strip()}")
    return {
        str(status): Response(description="\n\n".join(lines), content=_json(ErrorBody))
        for status, lines in sorted(by_status.items())
    }


def _json(model: type[BaseModel]) -> dict[str, MediaType]:
    return {"application/json": _media(model)}


def _media(model: type[BaseModel]) -> MediaType:
    return MediaType(media_type_schema=PydanticSchema(schema_class=model))
