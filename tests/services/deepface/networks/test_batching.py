import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from services.deepface.networks.batching import Batcher

BAD = 13


class Session:
    """A session whose output is twice its input; it fails on a `BAD` number, and waits while its gate is closed."""

    def __init__(self, batch="n"):
        self.batch, self.sizes, self.at_once, self.most_at_once = batch, [], 0, 0
        self.started, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()
        self.counting = threading.Lock()

    def get_inputs(self):
        return [SimpleNamespace(name="x", shape=[self.batch, 1])]

    def run(self, names, inputs):
        with self.counting:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.sizes.append(len(inputs["x"]))
        self.started.release()
        assert self.gate.wait(10)
        with self.counting:
            self.at_once -= 1
        if BAD in inputs["x"]:
            raise RuntimeError("bad face")
        return [inputs["x"] * 2, -inputs["x"]]


class Client(threading.Thread):
    """Asks a network for its outputs for some numbers."""

    def __init__(self, network, *numbers):
        super().__init__(daemon=True)
        self.network, self.numbers, self.answer, self.error = network, np.array(numbers, float)[:, None], None, None
        self.start()

    def run(self):
        try:
            self.answer = [output[:, 0].tolist() for output in self.network.run(None, {"x": self.numbers})]
        except RuntimeError as error:
            self.error = str(error)

    def joined(self):
        self.join(10)
        assert not self.is_alive()
        return self


def held_back(session, network, *others):
    """The first client's pass is held until all the others wait behind it."""
    session.gate.clear()
    first = Client(network, 1)
    assert session.started.acquire(timeout=10)
    clients = [Client(network, *numbers) for numbers in others]
    deadline = time.monotonic() + 10
    while len(network._waiting) < len(clients) and time.monotonic() < deadline:
        time.sleep(0.001)
    session.gate.set()
    return [client.joined() for client in (first, *clients)]


def test_those_who_wait_go_together_and_each_gets_its_own():
    session = Session()
    clients = held_back(session, Batcher(2, batch_size=8).through(session), (2,), (3, 4), (5,))
    assert [client.answer for client in clients] == [
        [[2], [-1]],
        [[4], [-2]],
        [[6, 8], [-3, -4]],
        [[10], [-5]],
    ]
    assert session.sizes == [1, 4]


def test_a_batch_holds_no_more_than_its_size():
    session = Session()
    held_back(session, Batcher(1, batch_size=3).through(session), (2,), (3, 4), (5,), (6,))
    assert max(session.sizes) <= 3
    assert sum(session.sizes) == 6


def test_more_faces_than_a_batch_go_in_parts():
    session = Session()
    client = Client(Batcher(2, batch_size=3).through(session), *range(8)).joined()
    assert client.answer == [[2 * number for number in range(8)], [-number for number in range(8)]]
    assert session.sizes == [3, 3, 2]


def test_a_bad_face_fails_only_its_own_request():
    session = Session()
    _, good, bad, also_good = held_back(session, Batcher(2, batch_size=8).through(session), (2,), (BAD, 3), (4, 5))
    assert (good.answer[0], also_good.answer[0]) == ([4], [8, 10])
    assert (bad.answer, bad.error) == (None, "bad face")


def test_a_network_that_takes_one_face_at_a_time_is_asked_so():
    session = Session(batch=1)
    clients = held_back(session, Batcher(2, batch_size=8).through(session), (2,), (3,))
    assert [client.answer[0] for client in clients] == [[2], [4], [6]]
    assert session.sizes == [1, 1, 1]


@pytest.mark.parametrize(("cores", "threads", "at_once"), [(1, 1, 1), (2, 2, 1), (4, 4, 1), (8, 4, 2), (13, 4, 3)])
def test_as_many_passes_run_at_once_as_leave_each_its_cores(cores, threads, at_once):
    passes = Batcher(cores, batch_size=1)
    sessions = [Session() for _ in range(6)]
    assert passes.threads == threads
    everywhere = SimpleNamespace(now=0, most=0, lock=threading.Lock())

    def counted(run):
        def run_counted(names, inputs):
            with everywhere.lock:
                everywhere.now += 1
                everywhere.most = max(everywhere.most, everywhere.now)
            time.sleep(0.005)
            with everywhere.lock:
                everywhere.now -= 1
            return run(names, inputs)

        return run_counted

    for session in sessions:
        session.run = counted(session.run)
    for client in [Client(passes.through(session), 1) for session in sessions * 3]:
        assert client.joined().answer == [[2], [-1]]
    assert everywhere.most == at_once


def test_many_threads_all_get_their_own():
    session = Session()
    network = Batcher(8, batch_size=5).through(session)
    wrong = []

    def work(number):
        for step in range(50):
            numbers = np.full((1 + step % 7, 1), number * 1000 + step, float)
            if not np.array_equal(network.run(None, {"x": numbers})[0], numbers * 2):
                wrong.append((number, step))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert session.most_at_once <= 2
