"""Converts every exception to the common error body, or to that of a door."""

import logging
from typing import Any

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from api.bodies.wrong import BODY
from api.door import current_door
from core.exceptions import (
    DeepFaceError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    RequestTooLarge,
    ServiceError,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.logging import facts
from core.metrics.definitions import REJECTIONS
from schemas.common import ErrorBody

logger = logging.getLogger(__name__)


def init_errors(app: Flask) -> None:
    """Register handlers for all exceptions of `app`."""
    app.register_error_handler(ServiceError, answer_error)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unforeseen)


def answer_error(error: ServiceError) -> Response:
    """Return the response for a service error. Server faults are logged with their traceback."""
    if isinstance(error, DeepFaceError | InternalError):
        logger.error(error.code, exc_info=error)
    REJECTIONS.labels(error.code).inc()
    g.error_code = error.code
    door = current_door()
    response = _own_answer(error) if door is None else door.answer(error)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed))
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _own_answer(error: ServiceError) -> Response:
    body = ErrorBody(
        error_code=error.code,
        message=error.message,
        request_id=facts().get("request_id", ""),
        details=error.details,
    )
    return Response(body.model_dump_json(), status=error.status, mimetype="application/json")


def _answer_http(error: HTTPException) -> Response:
    """Return the response for an error of Flask or werkzeug in routing or parsing."""
    return answer_error(_translated(error))


def _translated(error: Any) -> ServiceError:
    match error.code:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed(list(error.valid_methods or ()))
        case 413:
            return RequestTooLarge()
        case 415:
            return UnsupportedMediaType()
        case code if code is not None and 400 <= code < 500:
            return ValidationFailed.of(BODY, "The request could not be read. Check its headers and body")
        case _:
            return _unforeseen(error)


def _unforeseen(error: Exception) -> InternalError:
    internal = InternalError()
    internal.__cause__ = error
    return internal


def _answer_unforeseen(error: Exception) -> Response:
    return answer_error(_unforeseen(error))
