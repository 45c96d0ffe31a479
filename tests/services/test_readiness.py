import threading
import time

import pytest

from core.exceptions import ModelLoading, ModelUnavailable, ServiceUnavailable
from services.engine import catalogue
from services.readiness import ReadinessService
from tests.fakes import FakeEngine


def make(engine, *models, ping=lambda: None):
    return ReadinessService(engine=engine, models=models, ping_store=ping)


def test_every_kind_of_model_is_exercised_and_then_ready():
    readiness = make(FakeEngine(), "VGG-Face", "opencv", "age", catalogue.LIVENESS, "skip")
    readiness.start()
    assert readiness.wait(10)
    assert {part.state for part in readiness.require_ready()} == {"ready"}
    assert [part.name for part in readiness.require_ready()][-1] == "store"
    readiness.require_loaded()


def test_until_then_it_is_loading_and_asking_starts_it():
    gate = threading.Event()
    readiness = make(FakeEngine(gate=gate), "opencv")
    for ask in (readiness.require_loaded, readiness.require_ready):
        with pytest.raises(ModelLoading) as caught:
            ask()
        assert caught.value.retry_after_s
    gate.set()
    assert readiness.wait(10)
    readiness.require_ready()


def test_a_missing_model_is_named_does_not_hold_the_others_back_and_is_tried_again():
    engine = FakeEngine(missing=["VGG-Face"])
    readiness = make(engine, "VGG-Face", "opencv")
    readiness.start()
    assert readiness.wait(10)
    readiness.require_loaded()
    with pytest.raises(ModelUnavailable) as caught:
        readiness.require_ready()
    states = {part["name"]: part["state"] for part in caught.value.details["parts"]}
    assert states == {"VGG-Face": "unavailable", "opencv": "ready", "store": "ready"}
    assert "VGG-Face is missing" in caught.value.message

    engine.missing.clear()
    deadline = time.monotonic() + 10
    while True:  # every call asks for another try in the background
        try:
            readiness.require_ready()
            break
        except ModelUnavailable:
            assert time.monotonic() < deadline


def test_a_model_that_crashes_while_loading_is_unavailable_not_loading_for_ever():
    engine = FakeEngine()
    engine.embed = lambda *_, **__: 1 / 0
    readiness = make(engine, "VGG-Face")
    readiness.start()
    assert readiness.wait(10)
    with pytest.raises(ModelUnavailable):
        readiness.require_ready()


def test_a_store_that_does_not_answer_is_a_part_like_the_others():
    def ping():
        raise PermissionError(13, "Permission denied")

    readiness = make(FakeEngine(), "opencv", ping=ping)
    readiness.start()
    assert readiness.wait(10)
    with pytest.raises(ServiceUnavailable) as caught:
        readiness.require_ready()
    assert caught.value.details["parts"][-1] == {
        "name": "store",
        "state": "unavailable",
        "message": "Permission denied",
    }
