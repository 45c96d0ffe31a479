"""Finds the nearest embeddings of a matrix: a scan in float32, then the distances that matter in float64."""

import math

import numpy as np
import numpy.typing as npt

from core.distances import ROUNDING, Distances, distances

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]
Matrix = tuple[Floats, Floats]  # embeddings (n, d) and their lengths (n,)

_FARTHEST = float(np.finfo(np.float32).max) / 2  # beyond what a scan in float32 can find
_CHUNK_ROWS = 4096  # of a matrix at a time, in float64
_LEAST = np.finfo(np.float32).tiny  # products below it have lost digits
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
    """The rows of `matrix` nearest to `probe` (d,), and their distances as `core.distances.distances` has them.

    Nearest first, equal distances in the order of the rows; only those `within` a distance, and at most `k`. The
    float32 scan only leaves rows out of which even its largest possible error would make no result; so the answer is
    the one that float64 throughout would give.
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
    """The distances of these rows, in their order."""
    chunks = [rows[start : start + _CHUNK_ROWS] for start in range(0, max(len(rows), 1), _CHUNK_ROWS)]
    return np.concatenate([distances(probe[None], embeddings[chunk], metric)[0] for chunk in chunks])


def _by_difference(
    probe: npt.NDArray[np.float64], matrix: Matrix, metric: str, *, within: float, k: int | None
) -> Rows:
    """The rows, in order, whose difference from the probe may be short enough."""
    embeddings, lengths = matrix
    squares = lengths**2 + np.float32(np.linalg.norm(probe)) ** 2
    near = squares - 2 * (embeddings @ probe.astype(np.float32))
    slack = _error(embeddings) * squares
    limit = _scanned(within + ROUNDING, metric)
    if k is not None and k < len(near):
        limit = min(limit, _scanned(_distance(_at_least_the_kth(near + slack, k), metric) + ROUNDING, metric))
    return np.flatnonzero(near <= min(limit, _FARTHEST) + slack)


def _by_angle(probe: npt.NDArray[np.float64], matrix: Matrix, metric: str, *, within: float, k: int | None) -> Rows:
    """The rows, in order, whose angle with the probe may be small enough, and those that have none.

    Products of lengths are compared, not cosines: beside the scan every pass over its result shows, and a length of 0,
    which makes both sides 0, needs nothing of its own.
    """
    embeddings, lengths = matrix
    length = np.float32(np.linalg.norm(probe))
    products = embeddings @ probe.astype(np.float32)
    error = _error(embeddings)
    limit = _scanned(within + ROUNDING, metric)
    if k is not None and k < len(products):
        scale = np.maximum(lengths * length, _LEAST)
        near = np.subtract(1, np.divide(products, scale, out=scale), out=scale)  # in place: fresh memory costs most
        limit = min(limit, _scanned(_distance(_at_least_the_kth(near, k) + error, metric) + ROUNDING, metric))
    least = lengths * np.float32((1 - min(limit, _OPPOSITE) - error) * length)
    return np.flatnonzero(products >= np.subtract(least, _LEAST * embeddings.shape[1], out=least))


def _error(embeddings: Floats) -> float:
    """The error of a product, as a share of the lengths' product.

    Of a sum of d products each rounded: d units in the last place (Higham, Accuracy and Stability of Numerical
    Algorithms, 3.1); the rest is for the few operations around it.
    """
    return float(embeddings.shape[1] + 16) * 2.0**-24


def _at_least_the_kth(values: Floats, k: int) -> float:
    """A value no smaller than the kth smallest, seldom much larger, in one pass.

    The kth smallest of the least of each block: k values are no larger, for k blocks have one.
    """
    blocks = len(values) // _BLOCK
    if blocks >= 2 * k:
        values = values[: blocks * _BLOCK].reshape(_BLOCK, blocks).min(axis=0)
    return float(np.partition(values, k - 1)[k - 1])


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
