"""What the waits of a request share."""

import pytest

from core import timeouts
from core.timeouts import DATABASE_S, begin_patience, end_patience, is_exhausted, left_s, waiting, working


@pytest.fixture
def now(monkeypatch):
    class Clock:
        at = 0.0

        def monotonic(self):
            return self.at

    clock = Clock()
    monkeypatch.setattr(timeouts, "time", clock)
    return clock


@pytest.fixture
def request_(now):
    token = begin_patience()
    yield now
    end_patience(token)


def test_outside_of_requests_each_wait_is_for_itself(now):
    with waiting():
        now.at += 100
    assert (left_s(), left_s(30), is_exhausted()) == (DATABASE_S, 30, False)


def test_the_waits_of_a_request_are_added_up(request_):
    with waiting():
        request_.at += 2
        with waiting():
            request_.at += 1
            assert left_s() == DATABASE_S - 3
    assert (left_s(), left_s(30), left_s(0.5)) == (DATABASE_S - 3, DATABASE_S - 3, 0.5)
    with pytest.raises(ZeroDivisionError), waiting():
        request_.at += 4
        raise ZeroDivisionError
    assert is_exhausted()
    assert 0 < left_s() < 0.1


def test_work_counts_only_if_it_comes_to_nothing(request_):
    with working():
        request_.at += 100
    assert left_s() == DATABASE_S
    with pytest.raises(ZeroDivisionError), working():
        request_.at += 3
        raise ZeroDivisionError
    assert left_s() == DATABASE_S - 3
    with pytest.raises(ZeroDivisionError), waiting(), working():
        request_.at += 1
        raise ZeroDivisionError
    assert left_s() == DATABASE_S - 4
