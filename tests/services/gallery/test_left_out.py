"""How often it is counted who is not compared."""

import pytest

from services.gallery import left_out
from services.gallery.left_out import LeftOut
from tests.services.gallery.store.test_store import OTHER, SPACE, face, register


@pytest.fixture
def count(gallery):
    """How many persons are left out of searches in SPACE, by one counter."""
    counter = LeftOut(gallery)
    return lambda: counter.of("default", SPACE).persons


@pytest.mark.parametrize(("slow_s", "kept_s", "second"), [(1e9, 60, 2), (-1, 60, 1), (-1, -1, 2)])
def test_a_count_that_takes_long_holds_for_a_while(gallery, count, monkeypatch, slow_s, kept_s, second):
    monkeypatch.setattr(left_out, "_SLOW_S", slow_s)
    monkeypatch.setattr(left_out, "_KEPT_S", kept_s)
    register(gallery, "Ann", face(1, space=OTHER))
    assert count() == 1
    register(gallery, "Bob", face(2, space=OTHER))
    assert count() == second


def test_counts_are_of_one_collection_and_space(gallery, monkeypatch):
    monkeypatch.setattr(left_out, "_SLOW_S", -1)
    counter = LeftOut(gallery)
    register(gallery, "Ann", face(1, space=OTHER))
    assert [counter.of(*which).persons for which in (("default", SPACE), ("default", OTHER), ("staff", SPACE))] == [
        1, 0, 0,
    ]  # fmt: skip
