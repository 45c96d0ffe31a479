import threading

import pytest

from core.exceptions import DeadlineExceeded, NoFaceDetected
from core.timeouts import deadline, remaining_s
from services.faces.service import in_parallel


def fail(error):
    raise error


def test_both_run_at_the_same_time():
    met = threading.Barrier(2, timeout=10)
    assert in_parallel(lambda: (met.wait(), "one")[1], lambda: (met.wait(), 2)[1]) == ("one", 2)


def test_the_other_thread_has_the_requests_deadline():
    with deadline(5):
        ours, others = in_parallel(remaining_s, remaining_s)
    assert 0 < others <= 5
    assert 0 < ours <= 5
    assert in_parallel(remaining_s, remaining_s) == (None, None)


def test_of_two_errors_it_is_the_firsts():
    first, second = NoFaceDetected(), DeadlineExceeded()
    with pytest.raises(NoFaceDetected):
        in_parallel(lambda: fail(first), lambda: fail(second))
    with pytest.raises(DeadlineExceeded):
        in_parallel(lambda: 1, lambda: fail(second))
