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
    content = {kind: _media(model) for kind in ("application/json", "application/x-www-form-urlencoded")}
    content["multipart/form-data"] = _multipart(model)
    if takes_raw_image(model):
        content["image/*"] = MediaType()
    return RequestBody(required=True, content=content)


def _multipart(model: type[Request]) -> MediaType:
    """The same fields, of which the images may be files."""
    images = [name for name in IMAGE_FIELDS if name in model.model_fields]
    files = Schema(properties={name: Schema(type=DataType.STRING, schema_format="binary") for name in images})
    return MediaType(media_type_schema=Schema(allOf=[PydanticSchema(schema_class=model), files]))


def _query_parameters(model: type[Request]) -> list[Parameter] | None:
    """The options, as they go into the query string where the image itself is the body."""
    if not takes_raw_image(model):
        return None
    properties: dict[str, Any] = model.model_json_schema(ref_template="")["properties"]
    return [
        Parameter.model_validate(
            {
                "name": name,
                "in": "query",
                "description": "Only with an image body. " + schema.pop("description", ""),
                "schema": schema,
            }
        )
        for name, schema in properties.items()
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
