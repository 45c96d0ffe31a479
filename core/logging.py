"""Configures logging: one line per event, in JSON or text. Each line of a request carries the request's ID."""

import logging
from contextvars import ContextVar, Token
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from core.settings import Settings
from core.terminal import escaped as _escaped

# Facts to add to the log line of the current request: model, detector, number of faces.
_facts: ContextVar[dict[str, Any] | None] = ContextVar("facts", default=None)


def begin_request(request_id: str, trace_id: str | None = None) -> Token[dict[str, Any] | None]:
    """Add these to every later line of this context. Pass the returned token to `end_request`."""
    return _facts.set({"request_id": request_id} | ({} if trace_id is None else {"trace_id": trace_id}))


def end_request(token: Token[dict[str, Any] | None]) -> None:
    """Undo `begin_request`."""
    _facts.reset(token)


def annotate(**facts: Any) -> None:
    """Add facts to the log line of the current request: names and counts, never an image, embedding or key."""
    current = _facts.get()
    if current is not None:
        current.update(facts)


def facts() -> dict[str, Any]:
    """Return the facts of the current request: its `request_id` and those added by `annotate`."""
    return dict(_facts.get() or {})


class _Ids(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        current = _facts.get() or {}
        for name in ("request_id", "trace_id"):
            if name in current and not hasattr(record, name):
                setattr(record, name, current[name])
        return True


class TextFormatter(logging.Formatter):
    """Formats a line as `time LEVEL message key=value …`; escapes control characters, so no field can forge a line.

    A traceback follows on its own indented lines, because an exception may quote client input.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        extra = {k: v for k, v in record.__dict__.items() if k not in RESERVED_ATTRS and not k.startswith("_")}
        line = " ".join([super().formatMessage(record), *(f"{key}={value}" for key, value in extra.items())])
        return _escaped(line)

    @override
    def formatException(self, ei: Any) -> str:
        return "\n".join(f"    {_escaped(line)}" for line in super().formatException(ei).split("\n"))


def json_formatter() -> JsonFormatter:
    """Return a formatter for one JSON object per line: time (UTC), level, logger, message and the event's fields."""
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )


def logging_config(settings: Settings) -> dict[str, Any]:
    """Return the `logging.config.dictConfig` of the service. Gunicorn uses it too, so that all lines look alike."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": _Ids}},
        "formatters": {"json": {"()": json_formatter}, "text": {"()": TextFormatter}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": settings.log_format,
                "filters": ["request_id"],
            }
        },
        "root": {"level": "DEBUG" if settings.debug else settings.log_level, "handlers": ["stdout"]},
        "loggers": {
            "alembic": {"level": "WARNING"},
            # Its lines repeat the log line of the request.
            "flask-limiter": {"level": "WARNING"},
            # Its debug lines name hosts.
            "urllib3": {"level": "WARNING"},
            # It has no handler of its own, so that it writes through the root handler.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        },
    }
