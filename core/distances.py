"""Distances between embeddings; smaller is closer."""

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.floating]
Distances = npt.NDArray[np.float64]

# Decimal places of a distance, as in deepface.modules.verification. DeepFace also adds 1e-10 to every length, in case
# it is 0. Here only a length of 0 is replaced, so that a vector has an angle of 0 with itself.
_DECIMALS = 6

ROUNDING = 10.0**-_DECIMALS  # two distances with the same rounded value differ by at most this


def distances(first: Embeddings, second: Embeddings, metric: str) -> Distances:
    """Return the distances between the rows of `first` (m, d) and of `second` (n, d), as float64 of shape (m, n).

    `cosine` is 1 - cos, in [0, 2]. `angular` is the angle in half turns, in [0, 1]. `euclidean` is the length of the
    difference. `euclidean_l2` is the length of the difference of the unit vectors, in [0, 2]. Distances are computed in
    float64 and rounded to 6 places, as DeepFace does.

    Raises:
        ValueError: the metric is not one of the four.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if metric == "euclidean":
        result = _euclidean(a, b)
    elif metric == "euclidean_l2":
        result = _euclidean(unit_length(a), unit_length(b))
    elif metric in ("cosine", "angular"):
        cosine = unit_length(a) @ unit_length(b).T
        result = 1 - cosine if metric == "cosine" else np.arccos(np.clip(cosine, -1, 1)) / np.pi
    else:
        raise ValueError(f"unknown metric {metric!r}")
    return result.round(_DECIMALS) + 0.0  # no -0.0


def similarity(distance: float, metric: str) -> float:
    """Return the similarity (larger is closer): 1 - distance for cosine and angular, else 1 / (1 + distance)."""
    return round(1 / (1 + distance) if metric.startswith("euclidean") else 1 - distance, _DECIMALS)


def unit_length(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rows, shape (m, d), scaled to length 1; a row of zeros stays."""
    lengths = np.sqrt(np.vecdot(rows, rows))[:, None]
    return np.asarray(rows / (lengths + (lengths == 0)), np.float64)


def _euclidean(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Row by row, from differences. Deriving them from products would give an embedding a distance from itself.
    return np.array([np.linalg.norm(b - row, axis=1) for row in a]).reshape(len(a), len(b))
