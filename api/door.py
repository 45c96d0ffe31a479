"""The description of a door: an API of another system, whose clients the service answers as that system does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from flask import Blueprint, Flask, Response, current_app, request

from api.route import route_of
from core.exceptions import ServiceError
from schemas.compat.common import DoorError

_KEY = "face_service_doors"
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A door: its `name` in the setting DOORS, its `title` for people, and its routes.

    Every error of a request to one of the `paths`, or below, has the body `error`. So has one that no route answers.
    `statuses` are the HTTP statuses of errors that are not the service's own; a class stands for its subclasses too.
    `status` may give an error another one, by the request. `prefaces` are what the messages of errors begin with, by
    the name of the view. `code` gives the code of an error, and `text` the door's own message for one, or None. An
    error of status 503 that names no time has the header `Retry-After` with `retry_after_s`, if the door has it.
    """

    name: str
    title: str
    paths: tuple[str, ...]
    blueprint: Blueprint
    error: type[DoorError]
    statuses: Mapping[type[ServiceError], int] = field(default_factory=dict)
    prefaces: Mapping[str, str] = field(default_factory=dict)
    code: Callable[[ServiceError], str] = attrgetter("code")
    status: Callable[[ServiceError], int | None] = lambda _: None
    text: Callable[[ServiceError], str | None] = lambda _: None
    retry_after_s: int | None = None

    def status_of(self, error: type[ServiceError]) -> int:
        """Return the HTTP status of an error at this door."""
        return next((self.statuses[base] for base in error.__mro__ if base in self.statuses), error.status)

    def answer(self, error: ServiceError) -> Response:
        """Return the response for an error of the current request."""
        fields, status = _sent_fields(error), self.status(error) or self.status_of(type(error))
        message = "; ".join(f"{wrong['field']}: {wrong['msg']}" for wrong in fields) or error.message
        preface = self.prefaces.get((request.endpoint or "").rpartition(".")[2], "")
        message = self.text(error) or preface + message
        body = self.error.of(code=self.code(error), status=status, message=message, fields=fields)
        response = Response(body.model_dump_json(), status=status, mimetype="application/json")
        if status == _UNAVAILABLE and self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        return response


def open_doors(app: Flask, doors: Iterable[Door]) -> None:
    """Add the routes and error bodies of the doors to `app`."""
    app.extensions[_KEY] = tuple(doors)
    for door in doors_of(app):
        app.register_blueprint(door.blueprint)


def doors_of(app: Flask) -> tuple[Door, ...]:
    """Return the open doors of `app`."""
    doors: tuple[Door, ...] = app.extensions[_KEY]
    return doors


def current_door() -> Door | None:
    """Return the door of the current request, by its path; None if it is none of a door."""
    path = f"{request.path}/"
    return next(
        (door for door in doors_of(current_app) if any(path.startswith(f"{place}/") for place in door.paths)), None
    )


def _sent_fields(error: ServiceError) -> list[dict[str, str]]:
    """Return the wrong fields of an error, by the names that the client sends."""
    fields: list[dict[str, str]] = error.details.get("fields", [])
    model = None if request.endpoint is None else route_of(current_app.view_functions[request.endpoint]).request
    return fields if model is None else [wrong | {"field": model.name_of(wrong["field"])} for wrong in fields]
