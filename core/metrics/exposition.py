"""Writes the metrics of all workers in Prometheus's text format."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from core.files import locked
from core.metrics.definitions import METRICS, REGISTRY
from core.metrics.folder import metrics_folder

CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a metric that is read when it is asked for. `labels` are the values of its labels."""

    name: str
    value: float
    labels: Sequence[str] = ()


def exposition(readings: Iterable[Reading]) -> bytes:
    """Return the values that all workers have counted, and these readings."""
    folder = metrics_folder()
    registry = REGISTRY
    if folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(folder))
    read = CollectorRegistry()
    read.register(_Readings(list(readings)))
    with nullcontext() if folder is None else locked(folder):  # no worker's values are being moved meanwhile
        return generate_latest(registry) + generate_latest(read)


class _Readings(Collector):
    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    @override
    def collect(self) -> Iterator[Metric]:
        for metric in METRICS:
            found = [reading for reading in self._readings if reading.name == metric.name]
            if found:
                family = GaugeMetricFamily(metric.name, metric.help, labels=list(metric.labels))
                for reading in found:
                    family.add_metric(reading.labels, reading.value)
                yield family
