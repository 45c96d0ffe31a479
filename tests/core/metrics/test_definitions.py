import re

from prometheus_client import Counter, Gauge, Histogram

from core.metrics.definitions import METRICS, REGISTRY
from core.metrics.exposition import Reading, exposition

KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
UNITS = re.compile(r".*_(seconds|bytes)(_|$)")
# What may not be a label: it has no bound, or it tells who somebody is.
PERSONAL = {"person", "person_id", "name", "face_id", "collection", "key_id", "path", "address", "photo", "request_id"}


def test_every_metric_of_the_registry_is_described_as_it_is():
    found = {metric for metric in REGISTRY._collector_to_names if type(metric) in KINDS}
    by_name = {
        metric.describe()[0].name + ("_total" if isinstance(metric, Counter) else ""): metric for metric in found
    }
    described = {one.name: one for one in METRICS if one.over_workers != "read"}
    assert by_name.keys() == described.keys()
    for name, metric in by_name.items():
        one = described[name]
        assert (KINDS[type(metric)], list(metric._labelnames)) == (one.kind, list(one.labels)), name
        assert one.over_workers == (metric._multiprocess_mode if isinstance(metric, Gauge) else "sum"), name


def test_names_are_those_of_the_service_or_of_opentelemetry_and_have_no_labels_about_people():
    for one in METRICS:
        assert one.name.startswith(("face_", "http_server_")), one
        assert one.name.endswith("_total") == (one.kind == "counter"), one
        assert not PERSONAL & set(one.labels), one
        assert one.help.endswith("."), one
        assert all(one.labels.values()), one
        if "Seconds" in one.help:
            assert UNITS.match(one.name), one


def test_a_gauge_of_several_workers_is_of_those_that_live():
    assert {one.over_workers for one in METRICS if one.kind == "gauge"} <= {
        "livesum", "liveall", "livemin", "livemax", "read",
    }  # fmt: skip


def test_readings_are_gauges_among_the_others():
    text = exposition([Reading("face_gallery_faces", 7), Reading("face_index_photos", 2, ["a/b"])]).decode()
    assert "# TYPE face_gallery_faces gauge\nface_gallery_faces 7.0\n" in text
    assert 'face_index_photos{index="a/b"} 2.0' in text
    assert "# TYPE face_lanes_busy gauge" in text
    assert "face_index_pending" not in text
