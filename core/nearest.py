"""Finds the nearest embeddings of a matrix: a scan in float32, then the distances that matter in float64."""

import math

import numpy as np
import numpy.typing as npt

from core.distances import ROUNDING, Distances, distances

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]
Matrix = tuple[Floats, Floats]  # embeddings (n, d) and their lengths (n,)

_FARTHEST = float(np.finfo(np.float32).max) / 2  # beyond the range of a scan in float32
_CHUNK_ROWS = 4096  # rows of a matrix per step, in float64
_LEAST = np.finfo(np.float32).tiny  # products below this have lost digits
_OPPOSITE = 2.0  # the largest value of 1 - cosine
_BLOCK = 64  # rows


def nearest(
    probe: npt.NDArray[np.float64],
    matrix: Matrix,
    metric: str,
    *,
    within: float | None = None,
    k: int | None = None,
) -> tuple[Rows, Distances]:
    """Return the rows of `matrix` nearest to `probe` (d,), and their distances as from `core.distances.distances`.

    The nearest row is first; equal distances keep the order of the rows. `within` limits the distance, `k` the number
    of rows. The float32 scan skips a row only if even its largest possible error could not make the row a result. So
    the answer equals that of a search in float64.
    """
    embeddings, _ = matrix
    if within is not None or (k is not None and k < len(embeddings)):
        candidates = _by_difference if metric == "euclidean" else _by_angle
        rows = candidates(probe, matrix, metric, within=math.inf if within is None else within, k=k)
    else:
        rows = np.arange(len(embeddings))
    exact = _exact(probe, embeddings, rows, metric)
    order = exact.argsort(kind="stable")
    if within is not None:
        order = order[exact[order] <= within]
    order = order[:k]
    return rows[order], exact[order]


def _exact(probe: npt.NDArray[np.float64], embeddings: Floats, rows: Rows, metric: str) -> Distances:
    """Return the distances of these rows, in their order."""
    chunks = [rows[start : start + _CHUNK_ROWS] for start in range(0, max(len(rows), 1), _CHUNK_ROWS)]
    return np.concatenate([distances(probe[None], embeddings[chunk], metric)[0] for chunk in chunks])


def _by_difference(
    probe: npt.NDArray[np.float64], matrix: Matrix, metric: str, *, within: float, k: int | None
) -> Rows:
    """Return the rows, in order, whose difference from the probe may be short enough."""
    embeddings, lengths = matrix
    squares = lengths**2 + np.float32(np.linalg.norm(probe)) ** 2
    near = squares - 2 * (embeddings @ probe.astype(np.float32))
    slack = _error(embeddings) * squares
    limit = _scanned(within + ROUNDING, metric)
    if k is not None and k < len(near):
        limit = min(limit, _scanned(_distance(_at_least_the_kth(near + slack, k), metric) + ROUNDING, metric))
    return np.flatnonzero(near <= min(limit, _FARTHEST) + slack)


def _by_angle(probe: npt.NDArray[np.float64], matrix: Matrix, metric: str, *, within: float, k: int | None) -> Rows:
    """Return the rows, in order, whose angle with the probe may be small enough, and rows without an angle.

    Products of lengths are compared, not cosines: this saves a pass over the result, whose time counts beside the scan.
    A length of 0 makes both sides 0 and needs no special case.
    """
    embeddings, lengths = matrix
    length = np.float32(np.linalg.norm(probe))
    products = embeddings @ probe.astype(np.float32)
    error = _error(embeddings)
    limit = _scanned(within + ROUNDING, metric)
    if k is not None and k < len(products):
        scale = np.maximum(lengths * length, _LEAST)
        near = np.subtract(1, np.divide(products, scale, out=scale), out=scale)  # in place: new memory costs most
        limit = min(limit, _scanned(_distance(_at_least_the_kth(near, k) + error, metric) + ROUNDING, metric))
    least = lengths * np.float32((1 - min(limit, _OPPOSITE) - error) * length)
    return np.flatnonzero(products >= np.subtract(least, _LEAST * embeddings.shape[1], out=least))


def _error(embeddings: Floats) -> float:
    """Return the largest error of a product, as a share of the product of the lengths.

    A sum of d rounded products has an error of d units in the last place (Higham, Accuracy and Stability of Numerical
    Algorithms, 3.1). The other 16 units cover the few operations around the sum.
    """
    return float(embeddings.shape[1] + 16) * 2.0**-24


def _at_least_the_kth(values: Floats, k: int) -> float:
    """Return a value at least the kth smallest, and seldom much larger, in one pass.

    The value is the kth smallest of the block minima. At least k values are no larger: one in each of k blocks.
    """
    blocks = len(values) // _BLOCK
    if blocks >= 2 * k:
        values = values[: blocks * _BLOCK].reshape(_BLOCK, blocks).min(axis=0)
    return float(np.partition(values, k - 1)[k - 1])


def _scanned(distance: float, metric: str) -> float:
    """Return the scan's value for a distance: the squared distance, or 1 - cosine."""
    if metric == "euclidean":
        return distance * distance  # a product overflows to infinity, a power would raise
    if metric == "euclidean_l2":
        return distance * distance / 2
    return float(1 - np.cos(np.pi * min(distance, 1))) if metric == "angular" else distance


def _distance(scanned: float, metric: str) -> float:
    """Return the distance for a value of the scan."""
    if metric == "euclidean":
        return float(np.sqrt(max(scanned, 0)))
    if metric == "euclidean_l2":
        return float(np.sqrt(2 * max(scanned, 0)))
    return float(np.arccos(np.clip(1 - scanned, -1, 1)) / np.pi) if metric == "angular" else scanned
