"""Removes boxes that show the same face, in time that fits a crowd.

Each kept box is compared with all remaining boxes in one call of numpy. DeepFace's detectors compare pair by pair in
Python: seconds for a thousand boxes, during which no other thread runs. `hooks` replaces that with `without_overlaps`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from core.timeouts import check_deadline

Floats = npt.NDArray[Any]
Order = npt.NDArray[np.intp]

# Two boxes show the same face above this intersection over union, or above this share of the smaller box inside the
# larger.
_SAME_IOU = 0.4
_SAME_INSIDE = 0.8


def distinct(boxes: Floats, scores: Floats) -> list[int]:
    """The indices of boxes that show different faces, best score first. `boxes` is (n, 4): x, y, width, height.

    Raises:
        DeadlineExceeded: the request's time ended.
    """
    ends, areas = boxes[:, :2] + boxes[:, 2:], boxes[:, 2:].prod(axis=1)

    def same(one: int, others: Order) -> npt.NDArray[np.bool_]:
        overlap = np.minimum(ends[one], ends[others]) - np.maximum(boxes[one, :2], boxes[others, :2])
        shared = np.maximum(overlap, 0).prod(axis=1)
        union = areas[one] + areas[others] - shared
        is_inside = shared > _SAME_INSIDE * np.minimum(areas[one], areas[others])
        is_same: npt.NDArray[np.bool_] = (shared > _SAME_IOU * union) | is_inside
        return is_same

    return _kept(np.argsort(-scores, kind="stable"), same)


def without_overlaps(boxes: Floats, scores: Floats, threshold: float) -> list[int]:
    """The result of `CenterFace.nms` and RetinaFace's `cpu_nms`. `boxes` is (n, 4): left, top, right, bottom.

    Raises:
        DeadlineExceeded: the request's time ended.
    """
    starts, ends = boxes[:, :2], boxes[:, 2:4]
    areas = (ends - starts + 1).prod(axis=1)

    def same(one: int, others: Order) -> npt.NDArray[np.bool_]:
        overlap = np.minimum(ends[one], ends[others]) - np.maximum(starts[one], starts[others]) + 1
        shared = np.maximum(overlap, 0).prod(axis=1)
        is_same: npt.NDArray[np.bool_] = shared / (areas[one] + areas[others] - shared) >= threshold
        return is_same

    return _kept(scores.argsort()[::-1], same)


def _kept(order: Order, same: Callable[[int, Order], npt.NDArray[np.bool_]]) -> list[int]:
    """The indices of `order` that are not the same as an earlier kept one."""
    kept: list[int] = []
    while order.size:
        check_deadline()
        best, order = int(order[0]), order[1:]
        kept.append(best)
        order = order[~same(best, order)]
    return kept
