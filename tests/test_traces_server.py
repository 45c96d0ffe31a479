"""Traces of the real server, as a collector of OpenTelemetry receives them."""

import importlib.util
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.pictures import ALICE, photo
from tests.serving import served, wait_for

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        server.received = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def spans_of(received):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    for path, body in received:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            assert names["service.name"] == "face-service"
            for scope in resource.scope_spans:
                yield from scope.spans


def sent(tmp_path, **settings):
    """The lines of the log about a request that belongs to a trace, from a server with these variables."""
    (tmp_path / "ready-1").touch()
    with served(tmp_path, app="tests.gated:gated()", GATES=str(tmp_path), **settings) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        for headers in ({"traceparent": f"00-{TRACE}-{PARENT}-01"}, {}):
            files = {"img": photo(ALICE)}
            assert requests.post(f"{url}/extract", files=files, headers=headers, timeout=60).status_code == 200
        process.terminate()
        process.wait(30)
        lines = map(json.loads, log.read_text().splitlines())
        return [line for line in lines if line.get("route") == "/extract"]


@pytest.mark.skipif(importlib.util.find_spec("opentelemetry") is None, reason="requirements-otel.txt is not installed")
def test_a_request_and_its_stages_are_spans_of_the_callers_trace(tmp_path, collector):
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    own, new = sent(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    spans = list(spans_of(collector.received))
    mine = [span for span in spans if span.trace_id.hex() == TRACE]
    (request,) = [span for span in mine if span.name == "POST /extract"]
    assert request.parent_span_id.hex() == PARENT
    attributes = {one.key: one.value for one in request.attributes}
    assert attributes["http.route"].string_value == "/extract"
    assert attributes["http.response.status_code"].int_value == 200
    stages = {span.name: span for span in mine if span is not request}
    assert {"decode", "detect"} <= set(stages)
    assert all(span.parent_span_id == request.span_id for span in stages.values())
    assert stages["detect"].attributes[0].value.string_value == "opencv"
    assert own["trace_id"] == TRACE
    assert new["trace_id"] in {span.trace_id.hex() for span in spans} - {TRACE}


@pytest.mark.parametrize(
    "settings",
    [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}],
    ids=["not configured", "disabled", "none"],
)
def test_without_a_configuration_nothing_is_sent_and_the_trace_is_in_the_log(tmp_path, collector, settings):
    if settings:
        settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}"}
    own, new = sent(tmp_path, **settings)
    assert collector.received == []
    assert own["trace_id"] == TRACE
    assert "trace_id" not in new
