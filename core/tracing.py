"""The trace of a request: W3C Trace Context, and OpenTelemetry if its packages are installed and configured."""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from core import __version__

logger = logging.getLogger(__name__)

# Version, trace, parent and flags (w3.org/TR/trace-context, section 3.2). Later versions may append more.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", re.ASCII
)

# OpenTelemetry's own variables, one of which says that traces are wanted, and where they go.
_EXPORTER = "OTEL_TRACES_EXPORTER"
_WANTED = (_EXPORTER, "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_DISABLED = "OTEL_SDK_DISABLED"

_OFF: AbstractContextManager[None] = nullcontext()


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the trace of the header `traceparent`: 32 hex digits; None without one, or if it is malformed."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or (found[1] == "00" and found[3] is not None):
        return None
    return found[2]


class RequestTrace:
    """The trace that a request belongs to, and its span if traces are sent. Call `end` in the same context.

    `trace_id` is that of the header `traceparent`, or else of a new trace; None if there is neither.
    """

    def __init__(self, headers: Mapping[str, str], name: str, attributes: Mapping[str, str]) -> None:
        self.trace_id = trace_id_of(headers.get("traceparent"))
        self._span: Any = None
        if (tracer := _tracer()) is not None:
            from opentelemetry import context, trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            sent = {key: headers[key] for key in ("traceparent", "tracestate") if key in headers}
            parent = TraceContextTextMapPropagator().extract(sent if self.trace_id else {}, context.Context())
            self._span = tracer.start_span(name, parent, trace.SpanKind.SERVER, attributes)
            self._token = context.attach(trace.set_span_in_context(self._span))
            self.trace_id = trace.format_trace_id(self._span.get_span_context().trace_id)

    def answer(self, status: int, error_type: str) -> None:
        """Note the status of the answer, and the code of its error if it is the service's fault."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("http.response.status_code", status)
            if error_type:
                self._span.set_attribute("error.type", error_type)
                self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End the span."""
        if self._span is not None:
            from opentelemetry import context

            context.detach(self._token)
            self._span.end()


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """Trace the block as a part of the current request, if traces are sent. Empty attributes are left out."""
    tracer = _tracer()
    if tracer is None:
        return _OFF
    # An exception may quote what a client sent.
    found: AbstractContextManager[object] = tracer.start_as_current_span(
        name,
        attributes={f"face.{key}": value for key, value in attributes.items() if value},
        record_exception=False,
        set_status_on_exception=False,
    )
    return found


def begin_tracing() -> None:
    """Send traces from now on, if the variables of OpenTelemetry say so. Call it after the workers are forked."""
    _tracer()


@cache
def _tracer() -> Any:
    """Return OpenTelemetry's tracer; None if traces are not configured, or its packages are not installed."""
    exporter = os.environ.get(_EXPORTER) or "otlp"
    if not any(map(os.environ.get, _WANTED)) or exporter == "none" or os.environ.get(_DISABLED, "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
    except ImportError:
        logger.warning("No traces are sent. Run: pip install -r requirements-otel.txt")
        return None
    if exporter not in ("otlp", "console"):
        logger.warning("No traces are sent. %s is otlp, console or none.", _EXPORTER)
        return None
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    about = {"service.version": __version__} | ({} if named else {"service.name": "face-service"})
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter() if exporter == "otlp" else ConsoleSpanExporter()))
    return provider.get_tracer("face-service", __version__)
