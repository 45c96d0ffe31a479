import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.context import services_of
from core.metrics.definitions import METRICS
from core.metrics.stages import STAGES
from core.scopes import Scope
from services.health import figures
from tests.api.v1.test_gallery import register, text
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE, BOB, write_photo

READ = {metric.name for metric in METRICS if metric.over_workers == "read"}


def samples(client, **headers):
    """The values of all series, by name and labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found, name, **labels):
    return found.get((name, tuple(sorted(labels.items()))), 0)


@pytest.fixture
def change(client):
    """How much a series grows by what a test does."""
    before = samples(client)
    return lambda name, **labels: value(samples(client), name, **labels) - value(before, name, **labels)


def test_a_service_without_keys_shows_its_metrics_as_it_does_everything(client):
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE face_lanes_busy gauge" in answer.text
    assert client.get("/api/v1/metrics").status_code == 200


def test_with_keys_the_scope_metrics_is_needed(make_app):
    app = make_app(api_keys=(KEY,))
    client, keys = app.test_client(), services_of(app).access.keys
    assert_error(client.get("/metrics"), 401, "unauthorized")
    for scopes, status in (({Scope.METRICS}, 200), (set(Scope) - {Scope.METRICS}, 403)):
        token = keys.create("x", scopes)[1]
        assert client.get("/metrics", headers={"X-API-Key": token}).status_code == status
    assert client.get("/metrics", headers={"X-API-Key": KEY}).status_code == 200


def test_metrics_public_opens_the_metrics_and_nothing_else(make_app):
    client = make_app(api_keys=(KEY,), metrics_public=True, rate_limit="1000/minute").test_client()
    assert client.get("/metrics").status_code == client.get("/api/v1/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-API-Key": "wrong"}).status_code == 200
    assert_error(client.get("/models"), 401, "unauthorized")
    assert_error(client.get("/metrics?a=b"), 422, "validation_error", "a")


def test_every_metric_is_described_and_every_described_one_is_there_once_it_has_a_value(client):
    assert client.post("/verify", json={"img1": text(ALICE), "img2": text(ALICE)}).status_code == 200
    names = {re.sub("_(bucket|sum|count)$", "", name) for name, _ in samples(client)}
    assert names - {"face_audit_lost_total"} <= {metric.name for metric in METRICS}
    assert {"face_gallery_faces", "face_audit_unsealed", "face_app_info", "face_decisions_total"} <= names


def test_a_request_is_measured_as_opentelemetry_says(client, change):
    labels = {"http_request_method": "POST", "url_scheme": "http", "network_protocol_version": "1.1"}
    assert client.post("/extract", json={"img": text(ALICE)}).status_code == 200
    name = "http_server_request_duration_seconds_count"
    assert change(name, **labels, http_route="/extract", http_response_status_code="200", error_type="") == 1
    client.open("/nothing/of/a/client", method="BREW")
    labels["http_request_method"] = "_OTHER"
    assert change(name, **labels, http_route="", http_response_status_code="404", error_type="") == 1
    assert change("face_rejections_total", error_code="not_found") == 1
    active = value(samples(client), "http_server_active_requests", http_request_method="GET", url_scheme="http")
    assert active == 1  # this one


def test_faces_and_decisions_are_counted(client, change):
    alice = text(ALICE)
    assert client.post("/verify", json={"img1": alice, "img2": alice}).json["verified"]
    assert not client.post("/verify", json={"img1": alice, "img2": text(BOB), "threshold": 0.01}).json["verified"]
    assert change("face_faces_total", operation="verify") == 4
    assert change("face_decisions_total", decision="match") == 1
    assert change("face_decisions_total", decision="no_match") == 1
    about = {"model": "VGG-Face", "metric": "cosine"}
    assert change("face_match_distance_bucket", **about, decision="match", le="0.02") == 1
    assert change("face_match_distance_count", **about, decision="no_match") == 1
    for stage, model, images in (("decode", "", 4), ("detect", "opencv", 4), ("embed", "VGG-Face", 4)):
        assert change("face_stage_duration_seconds_count", stage=stage, model=model) == images
    assert change("face_queue_wait_seconds_count") == 4


def test_the_gallery_is_counted_without_a_word_about_its_persons(client, change, monkeypatch):
    monkeypatch.setattr(figures, "_EVERY_S", 0)
    before = samples(client)
    for colour, name in ((ALICE, "Alice in Metrics"), (BOB, "Bob in Metrics")):
        register(client, colour, name, collection="kept-out-of-metrics")
    identified = client.post("/identify", json={"img": text(ALICE), "collection": "kept-out-of-metrics"})
    assert identified.json["result"][0]["decision"] == "match"
    after = samples(client)
    for name in ("face_gallery_faces", "face_gallery_persons"):
        assert value(after, name) - value(before, name) == 2
    assert change("face_decisions_total", decision="match") == 1
    assert change("face_stage_duration_seconds_count", stage="search", model="VGG-Face") >= 1
    assert change("face_store_duration_seconds_count", operation="write") >= 2
    said = client.get("/metrics").text
    for secret in ("Alice in", "Bob in", "kept-out", identified.json["result"][0]["matches"][0]["person_id"]):
        assert secret not in said


def test_the_permanent_indexes_of_the_folder_are_counted(client, photos, monkeypatch):
    monkeypatch.setattr(figures, "_EVERY_S", 0)
    write_photo(photos / "Somebody" / "1.png", ALICE)
    assert client.post("/find", json={"img": text(ALICE), "refresh": "wait"}).status_code == 200
    options = {"img": text(ALICE), "refresh": "wait", "expand_percentage": 7, "threshold": 1}
    assert client.post("/find", json=options).status_code == 200
    found = {name: (labels, value) for (name, labels), value in samples(client).items() if name in READ}
    (((_, index),), count) = found["face_index_photos"]
    assert (index, count) == ("VGG-Face/opencv/eyes/bounded/base/0", 1)
    assert found["face_index_pending"][1] == 0
    assert 0 <= found["face_index_age_seconds"][1] < 600
    assert "Somebody" not in client.get("/metrics").text


def test_the_database_is_read_every_fifteen_seconds_at_most(client, app, monkeypatch):
    services, reads = services_of(app), []
    count = services.health.figures._store.face_count
    monkeypatch.setattr(services.health.figures._store, "face_count", lambda: reads.append(1) or count())
    for _ in range(5):
        samples(client)
    assert len(reads) == 1
    now = figures.time.monotonic
    monkeypatch.setattr(figures.time, "monotonic", lambda: now() + 15)
    samples(client)
    assert len(reads) == 2


def test_the_metrics_are_there_while_the_database_is_away(make_app, tmp_path):
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    client = make_app(database_url=url, api_keys=(KEY,)).test_client()
    found = samples(client, **{"X-API-Key": KEY})
    assert ("face_gallery_faces", ()) not in found
    assert value(found, "face_store_errors_total", error_code="service_unavailable") >= 1


def test_a_model_is_ready_when_it_has_loaded_and_been_tested(client):
    found = samples(client)
    assert value(found, "face_model_ready", model="VGG-Face") == 1
    assert value(found, "face_self_test_changed", model="VGG-Face") == 0


def test_only_a_request_with_a_key_is_told_how_long_each_stage_took(make_app):
    body = {"img1": text(ALICE), "img2": text(ALICE)}
    assert "Server-Timing" not in make_app().test_client().post("/verify", json=body).headers
    client = make_app(api_keys=(KEY,)).test_client()
    timing = client.post("/verify", json=body, headers={"X-API-Key": KEY}).headers["Server-Timing"]
    parts = [re.fullmatch(r"([a-z]+);dur=\d+\.\d", part)[1] for part in timing.split(", ")]
    assert parts == [name for name in STAGES if name in parts]
    assert {"decode", "detect", "embed"} <= set(parts)
    refused = client.post("/verify", json=body | {"img2": "?"}, headers={"X-API-Key": KEY})
    assert refused.status_code == 400
    assert client.get("/health", headers={"X-API-Key": KEY}).headers.get("Server-Timing") is None


def test_a_fetch_is_a_stage_also_if_it_fails(client, change):
    assert client.post("/extract", json={"img": "http://127.0.0.1:1/a.png"}).status_code == 403
    assert change("face_stage_duration_seconds_count", stage="fetch", model="") == 1


def test_findings_of_quality_are_counted_once_a_face(make_app, change):
    client = make_app(min_quality=0.9).test_client()
    refused = client.post("/register", json={"img": text(ALICE), "name": "Alice"})
    assert_error(refused, 422, "low_quality", "img")
    for reason in refused.json["details"]["reasons"]:
        assert change("face_quality_findings_total", reason=reason) == 1
