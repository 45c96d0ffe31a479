"""Gives every request an ID, a duration, a log line and a database time budget."""

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

from api.middleware.measurement import Measurement
from core.logging import begin_request, end_request, facts
from core.timeouts import begin_database_budget, end_database_budget

logger = logging.getLogger("access")

# A client's own ID is kept if it is harmless in a log and in a header.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


def init_lifecycle(app: Flask) -> None:
    """Give every request of `app` an ID and a log line. Call it before any other hook on requests."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_end)


def elapsed_s() -> float:
    """Return the seconds since the current request began."""
    return time.monotonic() - float(g.started)


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.started = time.monotonic()
    g.measurement = Measurement()
    request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
    g.log_token = begin_request(request_id, g.measurement.trace_id)
    g.patience_token = begin_database_budget()


def _finish(response: Response) -> Response:
    took_s = elapsed_s()
    elapsed_ms = round(took_s * 1000, 1)
    known = facts()
    # How long each stage took may tell about the gallery, so that only callers with a key learn it.
    g.measurement.answer(response, took_s, error_code=g.get("error_code", ""), shows_stages="key_id" in known)
    response.headers["X-Request-Id"] = known["request_id"]
    response.headers["X-Response-Time-Ms"] = str(elapsed_ms)
    # Log the rule, not the path: a client can put anything in a path.
    route = request.url_rule.rule if request.url_rule else None
    logger.info(
        "request",
        extra={"method": request.method, "route": route, "status": response.status_code, "ms": elapsed_ms, **known},
    )
    return response


def _end(_: BaseException | None) -> None:
    if "measurement" in g:
        g.pop("measurement").end()
    if "log_token" in g:
        end_database_budget(g.pop("patience_token"))
        end_request(g.pop("log_token"))
