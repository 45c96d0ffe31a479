import pytest

from core.exceptions import Overloaded
from services.access.admission import Admission, BodyBudget


def test_the_next_request_beyond_the_limit_is_refused_at_once_and_one_is_let_in_when_one_leaves():
    admission = Admission(2)
    with admission.admitted():
        with admission.admitted(), pytest.raises(Overloaded) as caught, admission.admitted():
            pytest.fail("it was let in")
        assert caught.value.retry_after_s
        with admission.admitted():
            pass


def test_a_place_comes_back_after_an_error():
    admission = Admission(1)
    for _ in range(3):
        with pytest.raises(KeyError), admission.admitted():
            raise KeyError


def test_bodies_beyond_the_budget_are_refused_and_their_bytes_come_back():
    budget = BodyBudget(100)
    first, second, third = budget.share(), budget.share(), budget.share()
    first.add(60)
    second.add(40)
    with pytest.raises(Overloaded) as caught:
        third.add(1)
    assert caught.value.retry_after_s
    first.release()
    third.add(60)
    assert (first.size, second.size, third.size) == (0, 40, 60)


def test_a_body_alone_is_admitted_whatever_its_size_and_then_nobody_else():
    budget = BodyBudget(100)
    large, other = budget.share(), budget.share()
    for _ in range(10):
        large.add(50)
    with pytest.raises(Overloaded):
        other.add(1)
    large.release()
    other.add(1000)


def test_a_body_that_will_not_fit_is_refused_before_it_comes_and_a_slow_one_holds_what_came():
    budget = BodyBudget(100)
    slow, other = budget.share(), budget.share()
    slow.add(10, coming=80)
    with pytest.raises(Overloaded):
        other.add(10, coming=81)
    other.add(10, coming=80)
    assert (slow.size, other.size) == (10, 10)


def test_of_two_uploads_that_exceed_the_budget_together_one_gets_through():
    budget = BodyBudget(100)
    first, second = budget.share(), budget.share()
    first.add(50)
    second.add(50)
    with pytest.raises(Overloaded):
        first.add(10)
    assert first.size == 0
    second.add(50)


def test_memory_is_to_be_returned_after_large_bodies_and_not_after_each_small_one():
    budget = BodyBudget(10**9)

    def is_worth_it(size):
        share = budget.share()
        share.add(size)
        return share.release()

    assert is_worth_it(20_000_000)
    assert [is_worth_it(1_000_000) for _ in range(16)].count(True) == 2
