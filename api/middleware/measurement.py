"""Measures a request for the metrics, the header Server-Timing and its trace."""

from contextvars import Token
from typing import Any

from flask import Response, request
from werkzeug.datastructures import Headers

from core.metrics.definitions import ACTIVE_REQUESTS, REQUEST_DURATION
from core.metrics.process import note_memory
from core.metrics.stages import begin_stages, end_stages, server_timing
from core.tracing import RequestTrace

# Of RFC 9110 and RFC 5789. A client may send any other word.
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1"}
_OTHER = "_OTHER"


class Measurement:
    """The measurement of the current request, from its beginning. Call `end` in the same context."""

    def __init__(self) -> None:
        self._method = request.method if request.method in _METHODS else _OTHER
        self._scheme = request.scheme if request.scheme in ("http", "https") else _OTHER
        self._version = _VERSIONS.get(request.environ.get("SERVER_PROTOCOL", ""), _OTHER)
        self._route = request.url_rule.rule if request.url_rule else ""
        self._stages: Token[Any] = begin_stages((request.endpoint or "").rpartition(".")[2])
        attributes = {"http.request.method": self._method, "url.scheme": self._scheme, "http.route": self._route}
        self._trace = RequestTrace(_trace_headers(request.headers), f"{self._method} {self._route}".strip(), attributes)
        ACTIVE_REQUESTS.labels(self._method, self._scheme).inc()

    @property
    def trace_id(self) -> str | None:
        """The trace that the request belongs to, if it is known."""
        return self._trace.trace_id

    def answer(self, response: Response, elapsed_s: float, *, error_code: str, shows_stages: bool) -> None:
        """Measure the answer; with `shows_stages`, it gets the header Server-Timing."""
        error_type = error_code if response.status_code >= 500 else ""
        REQUEST_DURATION.labels(
            self._method, self._scheme, self._version, self._route, str(response.status_code), error_type
        ).observe(elapsed_s)
        self._trace.answer(response.status_code, error_type)
        if shows_stages and (timing := server_timing()):
            response.headers["Server-Timing"] = timing

    def end(self) -> None:
        """End the measurement, whether or not there was an answer."""
        ACTIVE_REQUESTS.labels(self._method, self._scheme).dec()
        note_memory()
        self._trace.end()
        end_stages(self._stages)


def _trace_headers(headers: Headers) -> dict[str, str]:
    return {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
