"""Boxes compared pair by pair in Python: as DeepFace's detectors do it, and what the quick ways have to agree with."""

import numpy as np


def distinct(boxes, scores):
    """The indices that `services.deepface.suppression.distinct` gives."""
    kept = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if not any(_same(boxes[index], boxes[other]) for other in kept):
            kept.append(index)
    return kept


def _same(one, other):
    overlap = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(overlap, 0)))
    areas = float(np.prod(one[2:])), float(np.prod(other[2:]))
    return shared > 0.4 * (sum(areas) - shared) or shared > 0.8 * min(areas)


def without_overlaps(boxes, scores, threshold):
    """The indices that DeepFace's CenterFace and the package retina-face give."""
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept = []
    for index in scores.argsort()[::-1].tolist():
        if not any(_overlap(boxes[index], boxes[other], areas[[index, other]]) >= threshold for other in kept):
            kept.append(index)
    return kept


def _overlap(one, other, areas):
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]) + 1)
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]) + 1)
    shared = width * height
    return shared / (areas[1] + areas[0] - shared)
