"""Passes of fixed sizes, on made sessions; a GPU itself is in tests/models/test_gpu.py, where there is one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from services.deepface.networks import onnx_gpu
from services.deepface.networks.onnx_gpu import PASSES_AT_ONCE, GpuRuntime, PaddedSession

SIDES = (2, 3)


class Session:
    """Takes faces of `shape`, and gives their sums and their halves; it notes how many it saw each time."""

    def __init__(self, *shape):
        self.shape, self.seen = list(shape), []

    def get_inputs(self):
        return [SimpleNamespace(name="faces", shape=self.shape)]

    def run(self, names, inputs):
        faces = inputs["faces"]
        self.seen.append(len(faces))
        outputs = {"sums": faces.sum((1, 2)), "halves": faces / 2}
        return [outputs[name] for name in names or outputs]


@pytest.fixture
def sessions():
    return {size: Session("n", *SIDES) for size in (8, 1, 4)}


def faces(count):
    return np.random.default_rng(count).random((count, *SIDES), np.float32)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 4), (4, 4), (5, 8), (8, 8)])
def test_a_pass_is_filled_up_to_the_next_size_and_only_the_faces_answers_come_back(sessions, count, size):
    batches = PaddedSession(sessions, SIDES)
    assert [session.seen for session in sessions.values()] == [[8], [1], [4]]  # each is warm
    sums, halves = batches.run(None, {"faces": faces(count)})
    assert sessions[size].seen == [size, size]
    assert np.array_equal(sums, faces(count).sum((1, 2)))
    assert np.array_equal(halves, faces(count) / 2)
    assert np.array_equal(batches.run(["halves"], {"faces": faces(count)})[0], halves)


def test_no_session_ever_sees_another_number_of_faces(sessions):
    batches = PaddedSession(sessions, SIDES)
    for count in (3, 1, 8, 2, 5, 1):
        batches.run(None, {"faces": faces(count)})
    assert all(set(session.seen) == {size} for size, session in sessions.items())


@pytest.fixture
def opened(monkeypatch):
    """What is opened in place of ONNX Runtime's sessions, and the options of each."""
    made = []

    def open_(shape, options, providers, **more):
        made.append((providers, more))
        return Session(*shape)

    monkeypatch.setattr(onnx_gpu, "InferenceSession", open_)
    return made


@pytest.mark.parametrize(("batch_size", "count"), [(1, 1), (8, 2), (32, 3)])
def test_there_is_a_session_for_each_size(opened, batch_size, count):
    network = GpuRuntime(name="onnx", batch_size=batch_size).open(("n", *SIDES))
    assert isinstance(network, PaddedSession)
    assert len(opened) == count
    assert len(network.run(["sums"], {"faces": faces(batch_size)})[0]) == batch_size


@pytest.mark.parametrize("shape", [("n", None, None, 3), (1, *SIDES), ("n", "h", 3)])
def test_a_network_of_photos_of_any_size_or_of_one_at_a_time_has_one_session(opened, shape):
    assert not isinstance(GpuRuntime(name="onnx", batch_size=8).open(shape), PaddedSession)
    assert len(opened) == 1


@pytest.mark.parametrize("shape", [("n", *SIDES), ("n", None, None)])
def test_whoever_asks_passes_run_on_few_threads(opened, monkeypatch, shape):
    network = GpuRuntime(name="onnx", batch_size=8).open(shape)
    ran_on = set()
    monkeypatch.setattr(Session, "run", lambda *_: ran_on.add(threading.get_ident()) or [np.zeros(8)])
    with ThreadPoolExecutor(16) as callers:
        list(callers.map(lambda count: network.run(None, {"faces": faces(count)}), [1, 2, 8, 3] * 16))
    assert 0 < len(ran_on) <= PASSES_AT_ONCE


def test_a_failure_on_those_threads_is_the_callers(opened):
    network = GpuRuntime(name="onnx", batch_size=8).open(("n", *SIDES))
    with pytest.raises(KeyError, match="no such output"):
        network.run(["no such output"], {"faces": faces(1)})


@pytest.mark.parametrize("tf32", [False, True])
def test_only_tf32_rounds_and_no_failure_moves_the_work_to_the_processor(opened, tf32):
    GpuRuntime(name="any", batch_size=1, tf32=tf32).open(("n", *SIDES))
    ((((name, options), _), more),) = opened
    assert name == "CUDAExecutionProvider"
    assert options["use_tf32"] == str(int(tf32))
    assert more == {"enable_fallback": 0}
