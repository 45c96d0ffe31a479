"""Boxes of one face are found together, as a comparison of all pairs finds them."""

import numpy as np
import pytest

from core.exceptions import DeadlineExceeded
from core.timeouts import deadline
from services.deepface.suppression import distinct, without_overlaps
from tests.security import pairwise


def crowd(seed, count):
    """Boxes as x, y, width and height, of which many overlap, and their scores, of which many are equal."""
    chance = np.random.default_rng(seed)
    sizes = chance.integers(0, 60, (count, 2))
    boxes = np.hstack([chance.integers(-20, 300, (count, 2)), sizes]) + chance.choice([0, 0.5, 0.37], (count, 4))
    return boxes, chance.integers(0, 20, count) / 20


@pytest.mark.parametrize("seed", range(20))
def test_the_kept_boxes_are_those_of_a_comparison_of_all_pairs(seed):
    boxes, scores = crowd(seed, 150)
    kept = distinct(boxes, scores)
    assert kept == pairwise.distinct(boxes, scores)
    assert 10 < len(kept) < len(boxes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.3, 0.4])
@pytest.mark.parametrize("seed", range(10))
def test_the_detectors_of_deepface_keep_the_boxes_that_they_kept(seed, threshold, dtype):
    boxes, scores = crowd(seed, 150)
    boxes[:, 2:] += boxes[:, :2]
    boxes, scores = boxes.astype(dtype), scores.astype(dtype)
    kept = without_overlaps(boxes, scores, threshold)
    assert kept == pairwise.without_overlaps(boxes, scores, threshold)
    assert 10 < len(kept) < len(boxes)


def test_no_box_is_no_face():
    assert distinct(np.empty((0, 4)), np.empty(0)) == []


@pytest.mark.parametrize("way", [distinct, lambda boxes, scores: without_overlaps(boxes, scores, 0.3)])
def test_a_client_that_has_gone_is_noticed_between_two_boxes(way):
    looks = iter([False] * 3 + [True])
    with deadline(60, is_abandoned=lambda: next(looks)), pytest.raises(DeadlineExceeded):
        way(*crowd(0, 150))
