"""What the waits of a request share."""

import pytest

from core import timeouts
from core.timeouts import (
    DATABASE_S,
    begin_database_budget,
    budget_left_s,
    database_wait,
    database_work,
    end_database_budget,
    is_budget_exhausted,
)


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
    token = begin_database_budget()
    yield now
    end_database_budget(token)


def test_outside_of_requests_each_wait_is_for_itself(now):
    with database_wait():
        now.at += 100
    assert (budget_left_s(), budget_left_s(30), is_budget_exhausted()) == (DATABASE_S, 30, False)


def test_the_waits_of_a_request_are_added_up(request_):
    with database_wait():
        request_.at += 2
        with database_wait():
            request_.at += 1
            assert budget_left_s() == DATABASE_S - 3
    assert (budget_left_s(), budget_left_s(30), budget_left_s(0.5)) == (DATABASE_S - 3, DATABASE_S - 3, 0.5)
    with pytest.raises(ZeroDivisionError), database_wait():
        request_.at += 4
        raise ZeroDivisionError
    assert is_budget_exhausted()
    assert 0 < budget_left_s() < 0.1


def test_work_counts_only_if_it_comes_to_nothing(request_):
    with database_work():
        request_.at += 100
    assert budget_left_s() == DATABASE_S
    with pytest.raises(ZeroDivisionError), database_work():
        request_.at += 3
        raise ZeroDivisionError
    assert budget_left_s() == DATABASE_S - 3
    with pytest.raises(ZeroDivisionError), database_wait(), database_work():
        request_.at += 1
        raise ZeroDivisionError
    assert budget_left_s() == DATABASE_S - 4
