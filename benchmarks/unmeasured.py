"""`benchmarks.unmeasured:app` is the service without its metrics, stages and traces, to compare it with."""

from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from api.factory import create_app
from api.middleware import request_log


class _NoMeasurement:
    trace_id = None

    def answer(self, *_: Any, **__: Any) -> None:
        pass

    def end(self) -> None:
        pass


def _nothing(*_: Any, **__: Any) -> None:
    pass


for _kind in (Counter, Gauge, Histogram):
    for _method in {"inc", "dec", "set", "observe"} & set(dir(_kind)):
        setattr(_kind, _method, _nothing)

# Without it no stage is timed: stages belong to a measured request.
vars(request_log)["Measurement"] = _NoMeasurement

app = create_app()
