"""What clients are told when there is more to do than lanes."""

import threading
import time
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
    give_up_at = time.monotonic() + 10
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
