"""Finds the nearest embeddings of a matrix: a scan in float32, then the distances that matter in float64."""

import numpy as np
import numpy.typing as npt

from core.distances import ROUNDING, Distances, distances

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]
Matrix = tuple[Floats, Floats]  # embeddings (n, d) and their lengths (n,)

_FARTHEST = float(np.finfo(np.float32).max) / 2  # beyond what a scan in float32 can find
_CHUNK_ROWS = 4096  # of a matrix at a time, in float64
_LEAST = np.finfo(np.float32).tiny


def nearest(
    probe: npt.NDArray[np.float64],
    matrix: Matrix,
    metric: str,
    *,
    within: float | None = None,
    k: int | None = None,
) -> tuple[Rows, Distances]:
    """The rows of `matrix` nearest to `probe` (d,), and their distances as `core.distances.distances` has them.

    Nearest first, equal distances in the order of the rows; only those `within` a distance, and at most `k`. The
    float32 scan only leaves rows out of which even its largest possible error would make no result; so the answer is
    the one that float64 throughout would give.
    """
    embeddings, _ = matrix
    if within is not None or (k is not None and k < len(embeddings)):
        rows = _candidates(probe, matrix, metric, within=within, k=k)
    else:
        rows = np.arange(len(embeddings))
    exact = np.concatenate(
        [np.empty(0)]
        + [
            distances(probe[None], embeddings[rows[start : start + _CHUNK_ROWS]], metric)[0]
            for start in range(0, len(rows), _CHUNK_ROWS)
        ]
    )
    order = exact.argsort(kind="stable")
    if within is not None:
        order = order[exact[order] <= within]
    order = order[:k]
    return rows[order], exact[order]


def _candidates(
    probe: npt.NDArray[np.float64], matrix: Matrix, metric: str, *, within: float | None, k: int | None
) -> Rows:
    """The rows, in order, that may be among the results."""
    embeddings, lengths = matrix
    length = np.float32(np.linalg.norm(probe))
    products = embeddings @ probe.astype(np.float32)
    # Of a sum of d products each rounded: d units in the last place of the product of the lengths (Higham, Accuracy and
    # Stability of Numerical Algorithms, 3.1); the rest is for the few operations around it.
    error = np.float32((embeddings.shape[1] + 16) * 2.0**-24)
    if metric == "euclidean":
        squares = lengths**2 + length**2
        near = squares - 2 * products
        slack = error * squares
    else:
        # In place: beside the product, fresh memory is what costs most.
        scale = lengths * length
        np.maximum(scale, _LEAST, out=scale)  # where a length is 0 the product is as well
        near = np.divide(products, scale, out=products)
        np.subtract(1, near, out=near)
        if metric == "euclidean_l2":  # half the sum of the squares of two unit vectors, or of what has no direction
            near[lengths == 0] -= 0.5
            near -= np.float32(0.5) * np.float32(length == 0)
        slack = np.asarray(error)
    limit = np.inf if within is None else _scanned(within + ROUNDING, metric)
    if k is not None and k < len(near):
        farthest = np.partition(near + slack, k - 1)[k - 1]  # the kth result is no farther than this
        limit = min(limit, _scanned(_distance(farthest, metric) + ROUNDING, metric))
    return np.flatnonzero(near <= min(limit, _FARTHEST) + slack)


def _scanned(distance: float, metric: str) -> float:
    """The value of the scan at a distance: the squared one, or one minus the cosine."""
    if metric == "euclidean":
        return distance * distance  # infinite where a power would raise
    if metric == "euclidean_l2":
        return distance * distance / 2
    return float(1 - np.cos(np.pi * min(distance, 1))) if metric == "angular" else distance


def _distance(scanned: float, metric: str) -> float:
    """The distance at a value of the scan."""
    if metric == "euclidean":
        return float(np.sqrt(max(scanned, 0)))
    if metric == "euclidean_l2":
        return float(np.sqrt(2 * max(scanned, 0)))
    return float(np.arccos(np.clip(1 - scanned, -1, 1)) / np.pi) if metric == "angular" else scanned
