from itertools import product

import numpy as np
import pytest

from core.distances import distances
from core.nearest import nearest

METRICS = ("cosine", "euclidean", "euclidean_l2", "angular")


def matrix(embeddings):
    return embeddings, np.linalg.norm(embeddings.astype(np.float64), axis=1).astype(np.float32)


def by_brute_force(exact, within, k):
    order = exact.argsort(kind="stable")
    if within is not None:
        order = order[exact[order] <= within]
    return order[:k], exact[order[:k]]


def assert_same(probe, embeddings, metric, choices):
    exact = distances(probe[None], embeddings, metric)[0]
    for within, k in choices:
        rows, found = nearest(probe, matrix(embeddings), metric, within=within, k=k)
        expected_rows, expected = by_brute_force(exact, within, k)
        assert rows.tolist() == expected_rows.tolist()
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dimension", [1, 3, 128, 512, 4096])
@pytest.mark.parametrize("seed", range(2))
def test_the_scan_loses_nothing(metric, dimension, seed):
    rng = np.random.default_rng([seed, dimension])
    embeddings = rng.normal(size=(300, dimension)).astype(np.float32) * rng.choice([0.01, 1, 30])
    embeddings[rng.integers(0, 300, 90)] = embeddings[rng.integers(0, 300, 90)]  # ties
    embeddings[rng.integers(0, 300, 3)] = 0
    probe = embeddings[5] + rng.normal(size=dimension) * rng.choice([0, 1e-4, 0.1])
    some = np.sort(distances(probe[None], embeddings, metric)[0])
    limits = (None, 0.0, some[3], some[150], some[-1], some[100] - 1e-6, some[100] + 1e-6)
    assert_same(probe, embeddings, metric, list(product(limits, (None, 1, 7, 300, 5000))))


@pytest.mark.parametrize("metric", METRICS)
def test_distances_that_only_float64_tells_apart_keep_their_order_and_rounded_ones_the_rows(metric):
    rng = np.random.default_rng(0)
    probe = rng.normal(size=512)
    embeddings = (probe + rng.normal(size=(3000, 512)) * 1e-3).astype(np.float32)
    middle = float(np.median(distances(probe[None], embeddings, metric)))
    assert_same(probe, embeddings, metric, [(None, 1), (None, 10), (None, 500), (middle, None)])


@pytest.mark.parametrize("metric", METRICS)
def test_a_face_is_at_no_distance_from_itself_and_nothing_is_found_in_nothing(metric):
    embeddings = np.random.default_rng(0).normal(size=(10, 128)).astype(np.float32)
    rows, found = nearest(embeddings[4].astype(np.float64), matrix(embeddings), metric, k=1)
    assert (rows.tolist(), found.tolist()) == ([4], [0.0])
    rows, found = nearest(np.zeros(128), matrix(embeddings[:0]), metric, within=1.0)
    assert (len(rows), len(found)) == (0, 0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_limit_beyond_all_distances_finds_everything(metric):
    embeddings = np.random.default_rng(0).normal(size=(10, 128)).astype(np.float32)
    rows, _ = nearest(np.ones(128), matrix(embeddings), metric, within=1e308, k=20)
    assert len(rows) == 10
