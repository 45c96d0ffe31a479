"""One line per event: JSON for machines, text for people, with the request's id on every line of that request."""

import logging
import re
from contextvars import ContextVar, Token
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from core.config import Settings

# What the line of the current request will say beside its status: model, detector, number of faces.
_facts: ContextVar[dict[str, Any] | None] = ContextVar("facts", default=None)

# Whatever could end a line or drive a terminal: C0 and C1 controls, and Unicode's own line ends.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def begin_request(request_id: str) -> Token[dict[str, Any] | None]:
    """From here on every line of this context carries `request_id`; give the token to `end_request`."""
    return _facts.set({"request_id": request_id})


def end_request(token: Token[dict[str, Any] | None]) -> None:
    """Undo `begin_request`."""
    _facts.reset(token)


def annotate(**facts: Any) -> None:
    """Add facts to the line of the current request: names and counts, never an image, an embedding or a key."""
    current = _facts.get()
    if current is not None:
        current.update(facts)


def facts() -> dict[str, Any]:
    """What is known of the current request: its `request_id` and what `annotate` added."""
    return dict(_facts.get() or {})


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        current = _facts.get()
        if current is not None and not hasattr(record, "request_id"):
            record.request_id = current["request_id"]
        return True


class TextFormatter(logging.Formatter):
    """`time LEVEL message key=value …`, with control characters escaped, so that no field can forge a line.

    A traceback follows on lines of its own, each indented, for an exception may quote what a client sent.
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


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def json_formatter() -> JsonFormatter:
    """One JSON object a line: time (UTC), level, logger, message and whatever the event adds."""
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )


def logging_config(settings: Settings) -> dict[str, Any]:
    """The `logging.config.dictConfig` of the service; gunicorn takes the same, so that all lines look alike."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": _RequestId}},
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
            # It repeats what the line of the request says.
            "flask-limiter": {"level": "WARNING"},
            # Its debug lines name hosts.
            "urllib3": {"level": "WARNING"},
            # Without a handler of its own, so that it writes through ours.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        },
    }
