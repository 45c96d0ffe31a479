"""Builds the OpenAPI 3.1 document from the models and decorators that validate requests."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from openapi_pydantic import (
    Components,
    DataType,
    Header,
    Info,
    License,
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

from api.assets import Asset
from api.door import Door, doors_of
from api.examples import examples
from api.pictures import PNG
from api.route import Route, route_of
from api.text_schemas import COMPONENT, form, form_name, forms, image_options, multipart_name, query_parameters
from api.views import door_views, summary, views
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
from schemas.common import ErrorBody, Request

_NAME = re.compile(r"{(\w+)}")

_LINE = {"type": "string", "minLength": 1, "maxLength": 200}  # schema of a header
_FILE = Schema(type=DataType.STRING, schema_format="binary", minLength=1)

_UUID = {"type": "string", "format": "uuid"}
_VARIABLES = {
    "person_id": ("ID of the person.", _UUID),
    "face_id": ("ID of the face.", _UUID),
    "key_id": ("ID of the API key.", {"type": "string", "maxLength": 20}),
    "photo_id": ("ID of the photo: `photo_id` of an answer of `/find`.", {"type": "string", "maxLength": 6000}),
    "name": ("Name of the collection.", {"type": "string", "maxLength": 100}),
    "subject": ("Name of the person.", {"type": "string", "maxLength": 200}),
    "key": ("The API key.", {"type": "string"}),
}

_REQUEST_ID = "5f301b72c9a24ede86a308f5929a1af8"  # of the examples

_DESCRIPTION = """\
Compares faces (1:1), identifies the persons of its gallery (1:N), searches a folder of photos, and estimates age,
gender, emotion and race. The gallery is the service's own database of persons and their faces. The audit trail records
its changes and decisions.

Send an image as URL, data URI, base64 or path in JSON, as a file in a form, or as the body itself. The examples are
about the photos that `make demo` writes to FACES_DB_PATH.

Every error has the same body, with a stable `error_code`. Boxes and landmarks are in pixels of the upright image. Times
are in UTC. If the service has API keys, send one as bearer token or in the header `X-API-Key`.
"""

_GALLERY = Tag(name="Gallery", description="Register, identify, list, change and delete persons.")

# The tag of each group of endpoints, by the name of its module.
_TAGS = {
    "faces": Tag(name="Faces", description="Compare, analyze, embed and crop the faces of images."),
    "find": Tag(name="Photo folder", description="Search the photos of FACES_DB_PATH."),
    "gallery": _GALLERY,
    "persons": _GALLERY,
    "audit": Tag(name="Audit", description="Recorded changes and decisions."),
    "access": Tag(name="Access", description="API keys, and the limits of requests."),
    "service": Tag(name="Service", description="State and models of the service."),
}

NO_CONTENT = 204

# Either may carry the API key. A service without API keys requires none.
_SECURITY: dict[str, SecurityScheme | Reference] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="The API key as bearer token."),
    "header": SecurityScheme(
        type="apiKey", name="X-API-Key", security_scheme_in="header", description="The API key in a header."
    ),
}
_PUBLIC_ERRORS = (Forbidden, RateLimited)
_ACCESS_ERRORS = (*_PUBLIC_ERRORS, AmbiguousCredentials, Unauthorized, ServiceUnavailable)

_KEY = "face_service_openapi"
_BUILDING = threading.Lock()


def openapi_document(app: Flask) -> Asset:
    """Return the OpenAPI document of `app`. Only the first call builds it: that takes 0.3 s of the processor."""
    with _BUILDING:
        document = app.extensions.get(_KEY)
        if not isinstance(document, Asset):
            document = app.extensions[_KEY] = Asset(_openapi_json(app).encode(), "application/json")
    return document


def _openapi_json(app: Flask) -> str:
    doors = doors_of(app)
    described = [
        (door, method, path, view, route_of(view))
        for door in (None, *doors)
        for method, path, view in (views(app) if door is None else door_views(app, door))
        if route_of(view).in_document
    ]
    paths: dict[str, dict[str, Operation]] = defaultdict(dict)
    errors: dict[str, tuple[Door | None, set[type[ServiceError]]]] = {}
    for door, method, path, view, route in described:
        paths[path][method.lower()] = _operation(path, view, route, door)
        for error in _errors(route):
            errors.setdefault(_answer_name(error, door), (door, set()))[1].add(error)
    tags = [*_TAGS.values(), *(Tag(name=door.title, description=f"DOORS: {door.name}") for door in doors)]
    document = OpenAPI(
        openapi="3.1.1",
        info=Info(
            title="Face service",
            version=__version__,
            description=_DESCRIPTION,
            license=License(name="MIT", identifier="MIT"),
        ),
        servers=[Server(url="./")],  # where the document itself is, so behind any prefix
        tags=list({tag.name: tag for tag in tags}.values()),
        paths={path: PathItem(**methods) for path, methods in paths.items()},
        components=Components(
            securitySchemes=_SECURITY,
            schemas=dict(forms(route.request for *_, route in described if route.request is not None)),
            responses={name: _error_answer(door, alike) for name, (door, alike) in sorted(errors.items())},
        ),
    )
    return construct_open_api_with_schema_class(document).model_dump_json(
        by_alias=True,
        exclude_none=True,
        exclude_unset=True,  # some of the library's defaults are not valid in the document
        indent=1,
    )


def _operation(path: str, view: Callable[..., Any], route: Route, door: Door | None) -> Operation:
    name = view.__name__ if door is None else f"{door.blueprint.name}_{view.__name__}"
    tag = _TAGS[view.__module__.rpartition(".")[2]].name if door is None else door.title
    example = examples().get(name, {})
    parameters = [
        *(_variable(variable, example.get("path", {}).get(variable)) for variable in _NAME.findall(path)),
        *(_header(header, said) for header, said in route.headers.items()),
        *(query_parameters(route.query) if route.query is not None else []),
        *(image_options(route.request) if route.request is not None else []),
    ]
    errors = sorted(_errors(route), key=lambda error: error.code)
    answers = {str(_status(error, door)): _answer_name(error, door) for error in errors}
    return Operation(
        operationId=name,
        tags=[tag],
        summary=summary(view),
        description=f"Error codes: {', '.join(f'`{error.code}`' for error in errors)}." if errors else None,
        requestBody=None if route.request is None else _request_body(route.request, example.get("request")),
        parameters=parameters or None,
        security=_security(route),
        responses={
            str(route.status): _success(route, example.get("answer")),
            **{status: _reference(f"#/components/responses/{answers[status]}") for status in sorted(answers)},
        },
    )


def _security(route: Route) -> list[dict[str, list[str]]]:
    """Return the ways to send the API key; none for a public route, and for one that has it in the path."""
    if route.is_public or route.key_variable:
        return []
    return [{way: [route.scope.value] if route.scope else []} for way in _SECURITY]


def _success(route: Route, example: Any) -> Response:
    headers = {
        name: Header(description=said, required=True, param_schema=Schema.model_validate(_LINE))
        for name, said in route.answer_headers.items()
    }
    content = None
    if route.response is not None:
        content = _json(route.response, example)
        if route.draws:
            content[PNG] = MediaType(media_type_schema=_FILE)
    elif route.status != NO_CONTENT:
        content = {route.media_type: MediaType(media_type_schema=_FILE)}
    return Response(description="Success", headers=headers or None, content=content)


def _errors(route: Route) -> set[type[ServiceError]]:
    """Return the errors of a route, with those that all routes of its kind may answer."""
    if route.is_probe:
        return set(route.errors)
    return {*route.errors, ValidationFailed, *(_PUBLIC_ERRORS if route.is_public else _ACCESS_ERRORS)}


def _request_body(model: type[Request], example: Any) -> RequestBody:
    if model.is_form:
        form_of = MediaType(media_type_schema=_component(multipart_name(model)))
        kind = "multipart/form-data" if model.image_fields() else "application/x-www-form-urlencoded"
        return RequestBody(required="required" in form(model), content={kind: form_of})
    # A body without an image may be a form, too; one description of it is enough.
    if model.is_json or not model.image_fields():
        return RequestBody(required=model.is_json or "required" in form(model), content=_json(model, example))
    content = {
        "application/json": _media(model, example),
        "application/x-www-form-urlencoded": MediaType(media_type_schema=_component(form_name(model))),
        "multipart/form-data": MediaType(media_type_schema=_component(multipart_name(model))),
    }
    if model.takes_raw_image():
        content["image/*"] = MediaType(media_type_schema=_FILE)
    return RequestBody(required="required" in form(model), content=content)


def _component(name: str) -> Reference:
    return _reference(COMPONENT.format(model=name))


def _reference(path: str) -> Reference:
    return Reference.model_validate({"$ref": path})


def _variable(name: str, example: str | None) -> Parameter:
    described, schema = _VARIABLES.get(name, (None, {"type": "string"}))
    return Parameter.model_validate(
        {"name": name, "in": "path", "required": True, "description": described, "schema": schema, "example": example}
    )


def _header(name: str, described: str) -> Parameter:
    return Parameter.model_validate({"name": name, "in": "header", "description": described, "schema": _LINE})


def _status(error: type[ServiceError], door: Door | None) -> int:
    return error.status if door is None else door.status_of(error)


def _answer_name(error: type[ServiceError], door: Door | None) -> str:
    """Return the component of the answer that all errors with this status have."""
    return f"{'' if door is None else door.blueprint.name}Error{_status(error, door)}"


def _error_answer(door: Door | None, alike: Iterable[type[ServiceError]]) -> Response:
    """Return the answer of a status, with the codes of all errors that have it."""
    errors = sorted(alike, key=lambda error: error.code)
    code, message, status = errors[0].code, errors[0].default_message, _status(errors[0], door)
    body: BaseModel
    if door is None:
        body = ErrorBody(error_code=code, message=message, request_id=_REQUEST_ID, details={})
    else:
        body = door.error.of(code=code, status=status, message=message, fields=[])
    return Response(
        description="\n\n".join(f"`{error.code}`: {(error.__doc__ or '').strip()}" for error in errors),
        content=_json(type(body), body.model_dump(mode="json")),
    )


def _json(model: type[BaseModel], example: Any) -> dict[str, MediaType]:
    return {"application/json": _media(model, example)}


def _media(model: type[BaseModel], example: Any) -> MediaType:
    return MediaType(media_type_schema=PydanticSchema(schema_class=model), example=example)
