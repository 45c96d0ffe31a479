import numpy as np
import pytest

from core.distances import distances

METRICS = ("cosine", "euclidean", "euclidean_l2", "angular")


def test_known_vectors_have_known_distances():
    a, b = np.array([[3.0, 0.0]]), np.array([[0.0, 4.0], [6.0, 0.0], [-3.0, 0.0]])
    assert distances(a, b, "cosine").tolist() == [[1.0, 0.0, 2.0]]
    assert distances(a, b, "angular").tolist() == [[0.5, 0.0, 1.0]]
    assert distances(a, b, "euclidean").tolist() == [[5.0, 3.0, 6.0]]
    assert distances(a, b, "euclidean_l2").tolist() == [[1.414214, 0.0, 2.0]]


@pytest.mark.parametrize("metric", METRICS)
def test_a_vector_has_no_distance_from_itself_not_even_minus_zero(metric):
    rows = np.random.default_rng(0).normal(size=(5, 512)).astype(np.float32)
    diagonal = np.diagonal(distances(rows, rows, metric))
    assert [str(value) for value in diagonal] == ["0.0"] * 5


@pytest.mark.parametrize("metric", METRICS)
def test_a_zero_vector_gives_a_number(metric):
    assert np.isfinite(distances(np.zeros((1, 4)), np.ones((2, 4)), metric)).all()


def test_an_unknown_metric_is_an_error():
    with pytest.raises(ValueError, match="manhattan"):
        distances(np.ones((1, 2)), np.ones((1, 2)), "manhattan")
