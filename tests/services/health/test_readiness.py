import threading
import time

import numpy as np
import pytest

from core.exceptions import ModelLoading, ModelUnavailable, ServiceUnavailable
from core.shared_json import SharedJson
from services.health.readiness import ReadinessService
from services.health.self_test import SelfTest
from services.models.catalogue import catalogue
from tests.fakes import FakeEngine


@pytest.fixture
def make(tmp_path):
    def make(engine, *models, ping=lambda: None):
        answers = SharedJson(tmp_path / "self_test.json")
        self_test = SelfTest(engine=engine, answers=answers, runtime="fake", versions={})
        return ReadinessService(engine=engine, self_test=self_test, models=models, ping_store=ping)

    return make


def test_every_kind_of_model_is_exercised_and_then_ready(make):
    readiness = make(FakeEngine(), "VGG-Face", "opencv", "age", catalogue.LIVENESS, "skip")
    readiness.start()
    assert readiness.wait(10)
    assert {part.state for part in readiness.require_ready()} == {"ready"}
    assert [part.name for part in readiness.require_ready()][-1] == "store"
    readiness.require_loaded()


def test_until_then_it_is_loading_and_asking_starts_it(make):
    gate = threading.Event()
    readiness = make(FakeEngine(gate=gate), "opencv")
    for ask in (readiness.require_loaded, readiness.require_ready):
        with pytest.raises(ModelLoading) as caught:
            ask()
        assert caught.value.retry_after_s
    gate.set()
    assert readiness.wait(10)
    readiness.require_ready()


def test_a_missing_model_is_named_does_not_hold_the_others_back_and_is_tried_again(make):
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
        except (ModelLoading, ModelUnavailable):
            assert time.monotonic() < deadline


def test_a_model_that_crashes_while_loading_is_unavailable_not_loading_for_ever(make):
    engine = FakeEngine()
    engine.embed = lambda *_, **__: 1 / 0
    readiness = make(engine, "VGG-Face")
    readiness.start()
    assert readiness.wait(10)
    with pytest.raises(ModelUnavailable):
        readiness.require_ready()


def test_a_store_that_does_not_answer_is_a_part_like_the_others(make):
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
        "message": "DATA_PATH is not writable: Permission denied.",
    }


def test_a_database_that_is_down_is_not_taken_for_the_folder(make):
    def ping():
        raise ServiceUnavailable("The database does not answer.")

    readiness = make(FakeEngine(), "opencv", ping=ping)
    readiness.start()
    assert readiness.wait(10)
    with pytest.raises(ServiceUnavailable, match="The database does not answer"):
        readiness.require_ready()


def test_every_model_carries_what_it_answered_and_how_long_it_took(make):
    engine, first = FakeEngine(), ("first answer", "same answer", "same answer")
    for outcome in first:
        readiness = make(engine, "VGG-Face", "opencv")
        readiness.start()
        assert readiness.wait(10)
        *parts, store = readiness.require_ready()
        assert {part.self_test for part in parts} == {outcome}
        assert all(part.milliseconds >= 0 for part in parts)
        assert "self_test" not in store.model_dump()


def test_a_changed_answer_keeps_it_from_being_ready_until_it_is_accepted(make, monkeypatch, caplog):
    monkeypatch.setattr("services.health.readiness._RETRY_S", 0)
    make_ready(make(FakeEngine(), "VGG-Face", "opencv"))
    changed = make(ChangedEngine(), "VGG-Face", "opencv")
    changed.start()
    assert changed.wait(10)
    changed.require_loaded()  # requests are answered all the same
    with pytest.raises(ModelUnavailable) as caught:
        changed.require_ready()
    network, detector, _ = caught.value.details["parts"]
    assert (network["state"], network["self_test"]) == ("unavailable", "changed answer")
    assert (detector["state"], detector["self_test"]) == ("ready", "same answer")
    assert "face-service doctor --accept" in caught.value.message
    assert "changed answer" in caplog.text

    make(ChangedEngine(), "VGG-Face")._self_test.run("VGG-Face", accept=True)  # as another process would
    deadline = time.monotonic() + 10
    while changed.require_loaded() or not changed.wait(10) or not is_ready(changed):
        assert time.monotonic() < deadline


class ChangedEngine(FakeEngine):
    """Gives embeddings of other weights."""

    def embed(self, crops, **options):
        return np.roll(super().embed(crops, **options), 1, axis=1)


def make_ready(readiness):
    readiness.start()
    assert readiness.wait(10)
    readiness.require_ready()


def is_ready(readiness):
    try:
        readiness.require_ready()
    except ModelUnavailable:
        return False
    return True
