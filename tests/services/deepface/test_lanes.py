import threading
import time

import pytest

from core.exceptions import DeadlineExceeded
from core.timeouts import deadline
from services.deepface.lanes import Lanes


class Holder(threading.Thread):
    """Holds a lane until it is told to let go."""

    def __init__(self, lanes, log=None, name=None):
        super().__init__(daemon=True)
        self.lanes, self.log, self.label = lanes, log, name
        self.has_it, self.let_go = threading.Event(), threading.Event()
        self.lane = None
        self.start()

    def run(self):
        with self.lanes.hold() as self.lane:
            if self.log is not None:
                self.log.append(self.label)
            self.has_it.set()
            self.let_go.wait(10)

    def end(self):
        self.let_go.set()
        self.join(10)


def test_no_two_threads_hold_the_same_lane_and_no_more_than_there_are():
    lanes = Lanes(2)
    first, second = Holder(lanes), Holder(lanes)
    assert first.has_it.wait(10)
    assert second.has_it.wait(10)
    third = Holder(lanes)
    assert not third.has_it.wait(0.1)
    assert first.lane is not second.lane
    first.end()
    assert third.has_it.wait(10)
    assert third.lane is first.lane
    second.end()
    third.end()


def test_waiting_is_first_come_first_served():
    lanes, log = Lanes(1), []
    first = Holder(lanes)
    assert first.has_it.wait(10)
    waiting = []
    for number in range(10):
        waiting.append(Holder(lanes, log, number))
        while len(lanes._queue) < number + 1:
            time.sleep(0.001)
    first.end()
    for holder in waiting:
        assert holder.has_it.wait(10)
        holder.end()
    assert log == list(range(10))


def test_a_block_inside_a_block_keeps_the_lane():
    lanes = Lanes(1)
    with lanes.hold() as outer, lanes.hold() as inner:
        assert outer is inner
    with lanes.hold():
        pass


def test_a_lane_comes_back_after_an_error():
    lanes = Lanes(1)
    for _ in range(3):
        with pytest.raises(KeyError), lanes.hold():
            raise KeyError
    with deadline(1), lanes.hold():
        pass


def test_a_request_past_its_deadline_gets_no_lane_free_or_not():
    lanes = Lanes(1)
    with deadline(0), pytest.raises(DeadlineExceeded), lanes.hold():
        pytest.fail("it was started")
    holder = Holder(lanes)
    assert holder.has_it.wait(10)
    with deadline(0.1), pytest.raises(DeadlineExceeded), lanes.hold():
        pytest.fail("it was started")
    assert not lanes._queue
    holder.end()
    with deadline(1), lanes.hold():
        pass


def test_a_request_whose_client_left_gets_no_lane():
    lanes, gone = Lanes(1), threading.Event()
    holder = Holder(lanes)
    assert holder.has_it.wait(10)
    threading.Timer(0.1, gone.set).start()
    with (
        deadline(10, is_abandoned=gone.is_set),
        pytest.raises(DeadlineExceeded, match="closed the connection"),
        lanes.hold(),
    ):
        pytest.fail("it was started")
    holder.end()


def test_no_lane_is_lost_when_many_give_up_as_many_are_served():
    lanes = Lanes(3)
    served = []

    def work(number):
        for _ in range(40):
            try:
                with deadline(0.002 if number % 2 else 5), lanes.hold() as lane:
                    served.append(lane)
                    time.sleep(0.001)
            except DeadlineExceeded:
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lanes._queue
    assert set(lanes._free) == set(lanes.all)
    assert len(served) >= 320
