"""What clients are told when there is more to do than lanes."""

import json
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.timeouts import deadline
from tests.conftest import assert_error
from tests.pictures import ALICE, photo

IMAGE = {"data": photo(ALICE), "content_type": "image/png"}


@pytest.fixture
def busy(make_app, engine):
    """Makes an application, and returns it with the gate that holds all its inference back."""

    def make(**settings):
        app = make_app(inference_lanes=2, **settings)
        engine.gate = threading.Event()
        return app, engine.gate

    return make


def waiting(engine):
    return len(engine._lanes._queue)


def until(condition):
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_a_full_queue_is_overloaded_at_once_and_health_answers(busy, engine):
    app, gate = busy(queue_max=3)
    with ThreadPoolExecutor(5) as pool:
        admitted = [pool.submit(lambda: app.test_client().post("/extract", **IMAGE)) for _ in range(5)]
        until(lambda: waiting(engine) == 3)
        client = app.test_client()
        response = client.post("/extract", **IMAGE)
        assert_error(response, 503, "overloaded")
        assert int(response.headers["Retry-After"]) > 0
        assert (
            client.get("/health").status_code == client.get("/ready").status_code == client.get("/").status_code == 200
        )
        assert_error(client.post("/extract", json={}), 422, "validation_error", "img")
        gate.set()
        assert [answer.result().status_code for answer in admitted] == [200] * 5
    assert client.post("/extract", **IMAGE).status_code == 200


def test_bodies_beyond_the_budget_are_overloaded_and_a_large_one_alone_is_not(busy, engine):
    app, gate = busy(queue_max=50, queue_max_bytes=100_000)
    large = {"data": photo(ALICE) + bytes(90_000), "content_type": "image/png"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: app.test_client().post("/extract", **large))
        until(lambda: not engine._lanes._free or len(engine._lanes._free) == 1)
        client = app.test_client()
        text = json.dumps({"img": b64encode(large["data"]).decode()})
        for kind, body in (
            ("image/png", large["data"]),
            ("application/json", text),
            ("application/x-www-form-urlencoded", "img=" + "A" * 90_000),
            ("multipart/form-data; boundary=B", "--B\r\n" + "A" * 90_000),
        ):
            response = client.post("/extract", data=body, content_type=kind)
            assert_error(response, 503, "overloaded")
            assert int(response.headers["Retry-After"]) > 0
        response = client.patch("/persons/x", data="{" + " " * 90_000, content_type="application/json")
        assert_error(response, 503, "overloaded")
        assert_error(client.post("/extract", json={}), 422, "validation_error", "img")
        gate.set()
        assert first.result().status_code == 200
    huge = {"data": photo(ALICE) + bytes(900_000), "content_type": "image/png"}
    for _ in range(3):
        assert client.post("/extract", **huge).status_code == 200
        assert_error(
            client.post("/extract", data=bytes(900_000), content_type="image/png"), 400, "image_decode_error", "img"
        )


def test_a_request_past_its_deadline_is_told_so_and_its_work_not_started(busy, engine):
    app, gate = busy(request_timeout_s=0.3)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(lambda: app.test_client().post("/represent", **IMAGE)) for _ in range(2)]
        until(lambda: not engine._lanes._free)
        before = engine.embedded
        assert_error(app.test_client().post("/represent", **IMAGE), 503, "deadline_exceeded")
        assert engine.embedded == before
        gate.set()
        # What had its lane in time is finished, however long that took.
        assert [answer.result().status_code for answer in running] == [200, 200]
    assert engine.embedded == before + 2


def test_waiting_for_an_index_ends_with_the_request(busy, engine, photos):
    app, gate = busy(request_timeout_s=0.3)
    gate.set()
    (photos / "a.png").write_bytes(photo(ALICE))
    detect = engine.detect
    hold = threading.Event()

    def slow_index(image, detection):
        if threading.current_thread().name == "folder-index-lane":
            assert hold.wait(10)
        return detect(image, detection)

    engine.detect = slow_index
    response = app.test_client().post("/find", **IMAGE)
    body = assert_error(response, 503, "index_building")
    assert body["details"] == {"done": 0, "total": 1}
    hold.set()
    until(lambda: app.test_client().post("/find", **IMAGE).status_code == 200)


def test_outside_of_requests_nothing_has_a_deadline(engine):
    with deadline(0):
        pass
    with engine.lane():
        pass
