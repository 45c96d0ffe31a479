import pytest

from core.exceptions import Overloaded
from services.access.admission import Admission


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
