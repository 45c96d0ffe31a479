"""Builds the OpenAPI 3.1 document from the models and decorators that validate requests."""

import inspect
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask
from openapi_pydantic import (
    Components,
    DataType,
    Header,
    Info,
    MediaType,
    OpenAPI,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
    Server,
    Tag,
)
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override
from werkzeug.routing import Rule

from api.assets import Asset
from api.door import Door, doors_of
from api.route import Route, route_of
from core import __version__
from core.exceptions import (
    AmbiguousCredentials,
    Forbidden,
    RateLimited,
    ServiceError,
    ServiceUnavailable,
    Unauthorized,
    ValidationFailed,
)
from schemas.common import RAW_IMAGE_FIELD, ErrorBody, Request

API_PREFIX = "/api/v1"

_VARIABLE = re.compile(r"<(\w+)>")  # variable in a route's path in Flask
_NAME = re.compile(r"{(\w+)}")

_COMPONENT = "#/components/schemas/{model}"

_LINE = {"type": "string", "minLength": 1, "maxLength": 200}  # schema of a header

NO_CONTENT = 204

# Either may carry the API key. A service without API keys requires none.
_SECURITY: dict[str, SecurityScheme | Reference] = {
    "bearer": SecurityScheme(type="http", scheme="bearer"),
    "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
}
_PUBLIC_ERRORS = (Forbidden, RateLimited)
_ACCESS_ERRORS = (*_PUBLIC_ERRORS, AmbiguousCredentials, Unauthorized, ServiceUnavailable)

_KEY = "face_service_openapi"
_BUILDING = threading.Lock()


def views(app: Flask) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Yield the method, path and view of every route of the service itself, by path.

    Routes repeated under API_PREFIX appear once.
    """
    of_doors = {door.blueprint.name for door in doors_of(app)}
    for rule in _rules(app):
        if _blueprint(rule) not in of_doors and not rule.rule.startswith(API_PREFIX):
            yield from _views(app, rule)


def door_views(app: Flask, door: Door) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Yield the method, path and view of every route of a door, by path."""
    for rule in _rules(app):
        if _blueprint(rule) == door.blueprint.name:
            yield from _views(app, rule)


def _rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)


def _blueprint(rule: Rule) -> str:
    return str(rule.endpoint).partition(".")[0]


def _views(app: Flask, rule: Rule) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    path = _VARIABLE.sub(r"{\1}", rule.rule)
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        yield method, path, app.view_functions[rule.endpoint]


def summary(view: Callable[..., Any]) -> str:
    """Return the summary of a view: its docstring."""
    return inspect.getdoc(view) or ""


def openapi_document(app: Flask) -> Asset:
    """Return the OpenAPI document of `app`. Only the first call builds it: that takes 0.3 s of the processor."""
    with _BUILDING:
        document = app.extensions.get(_KEY)
        if not isinstance(document, Asset):
            document = app.extensions[_KEY] = Asset(_openapi_json(app).encode(), "application/json")
    return document


def _openapi_json(app: Flask) -> str:
    paths: dict[str, dict[str, Operation]] = defaultdict(dict)
    for door in (None, *doors_of(app)):
        for method, path, view in views(app) if door is None else door_views(app, door):
            paths[path][method.lower()] = _operation(path, view, route_of(view), door)
    document = OpenAPI(
        openapi="3.1.1",
        info=Info(
            title="Face service",
            version=__version__,
            description="Verifies, analyzes, represents, finds and extracts faces.",
        ),
        servers=[Server(url="./")],  # where the document itself is, so behind any prefix
        tags=[Tag(name=door.title, description=f"DOORS: {door.name}") for door in doors_of(app)] or None,
        paths={path: PathItem(**methods) for path, methods in paths.items()},
        components=Components(securitySchemes=_SECURITY),
    )
    return construct_open_api_with_schema_class(document).model_dump_json(
        by_alias=True,
        exclude_none=True,
        exclude_unset=True,  # some of the library's defaults are not valid in the document
        indent=1,
    )


def _operation(path: str, view: Callable[..., Any], route: Route, door: Door | None) -> Operation:
    parameters = [
        *(_parameter(name, "path", {"type": "string"}) for name in _NAME.findall(path)),
        *(_parameter(name, "header", _LINE, said) for name, said in route.headers.items()),
        *(_query_parameters(route.query) if route.query is not None else []),
        *(_image_options(route.request) if route.request is not None else []),
    ]
    content = {route.media_type: MediaType()} if route.status != NO_CONTENT else None
    if route.response is not None:
        content = _json(route.response)
    headers = {
        name: Header(description=said, required=True, param_schema=Schema.model_validate(_LINE))
        for name, said in route.answer_headers.items()
    }
    return Operation(
        operationId=view.__name__ if door is None else f"{door.blueprint.name}_{view.__name__}",
        tags=None if door is None else [door.title],
        summary=summary(view),
        requestBody=None if route.request is None else _request_body(route.request),
        parameters=parameters or None,
        security=None if route.scope is None else [{name: [route.scope.value]} for name in _SECURITY],
        responses={
            str(route.status): Response(description="Success", headers=headers or None, content=content),
            **({"304": Response(description="`If-None-Match` names the current ETag")} if route.has_etag else {}),
            **_error_responses({*route.errors, *_access_errors(route)}, door),
        },
    )


def _access_errors(route: Route) -> tuple[type[ServiceError], ...]:
    if route.is_probe:
        return ()
    return (ValidationFailed, *(_PUBLIC_ERRORS if route.scope is None else _ACCESS_ERRORS))


def _request_body(model: type[Request]) -> RequestBody:
    if model.is_json:
        return RequestBody(required=True, content=_json(model))
    text, multipart = _as_text(model), _as_text(model)
    for name in model.image_fields() - model.image_lists:
        if name in multipart["properties"]:
            multipart["properties"][name]["format"] = "binary"
    for name in model.image_lists:
        multipart["properties"][name]["items"]["format"] = "binary"
        del multipart["properties"][name]["uniqueItems"]  # applies to JSON values, not to files
    content = {
        "application/json": _media(model),
        "application/x-www-form-urlencoded": MediaType(media_type_schema=Schema.model_validate(text)),
        "multipart/form-data": MediaType(media_type_schema=Schema.model_validate(multipart)),
    }
    if model.takes_raw_image():
        content["image/*"] = MediaType(
            media_type_schema=Schema(type=DataType.STRING, schema_format="binary", minLength=1)
        )
    return RequestBody(required="required" in text, content=content)


class _WithoutNull(GenerateJsonSchema):
    """Schema generator for text input: there `null` would be a text of four letters."""

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        return {key: value for key, value in described.items() if (key, value) != ("default", None)}


def _as_text(model: type[Request]) -> dict[str, Any]:
    """Return the schema of a form or query string, in which an object or a list of numbers is JSON text."""
    described = model.model_json_schema(ref_template=_COMPONENT, schema_generator=_WithoutNull)
    for name, schema in described["properties"].items():
        if schema.get("type") == "object" or (
            schema.get("type") == "array" and name not in model.repeatable | model.image_lists
        ):
            text = {"type": "string", "contentMediaType": "application/json"}
            described["properties"][name] = text | {"description": schema.get("description", "")}
    described.pop("$defs", None)  # components, since the JSON body has the same fields
    return described


def _image_options(model: type[Request]) -> list[Parameter]:
    """Return the options of the query string of a request with the image as its body."""
    if not model.takes_raw_image():
        return []
    images = {RAW_IMAGE_FIELD, *model.image_lists}
    return [option for option in _query_parameters(model, "Only with an image body. ") if option.name not in images]


def _query_parameters(model: type[Request], when: str = "") -> list[Parameter]:
    properties = _as_text(model)["properties"]
    return [
        _parameter(name, "query", schema, when + schema.pop("description", "")) for name, schema in properties.items()
    ]


def _parameter(name: str, place: str, schema: dict[str, Any], description: str = "") -> Parameter:
    return Parameter.model_validate(
        {
            "name": name,
            "in": place,
            "required": place == "path",
            "description": description or None,
            "schema": schema,
        }
    )


def _error_responses(errors: Iterable[type[ServiceError]], door: Door | None) -> dict[str, Response]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for error in sorted(errors, key=lambda error: error.code):
        by_status[error.status if door is None else door.status_of(error)].append(
            f"`{error.code}`: {(error.__doc__ or '').strip()}"
        )
    return {
        str(status): Response(description="\n\n".join(lines), content=_json(ErrorBody if door is None else door.error))
        for status, lines in sorted(by_status.items())
    }


def _json(model: type[BaseModel]) -> dict[str, MediaType]:
    return {"application/json": _media(model)}


def _media(model: type[BaseModel]) -> MediaType:
    return MediaType(media_type_schema=PydanticSchema(schema_class=model))
