"""The matrix that SQLite's search is in, against a plain dictionary."""

import random
from uuid import UUID

import numpy as np

from services.gallery.store.matrix import Matrix, halves_of

DIMENSION = 4


def number(rng):
    return UUID(int=rng.getrandbits(128))


def put(matrix, *rows):
    face_ids, person_ids, embeddings = zip(*rows, strict=True)
    matrix.add(
        halves_of([one.hex for one in face_ids]),
        halves_of([one.hex for one in person_ids]),
        np.array(embeddings, np.float32),
    )


def near(matrix, probe=(0.0,) * DIMENSION, *, whose=None, k=1000, within=None):
    found = matrix.nearest(np.array(probe), whose, metric="euclidean", k=k, within=within)
    return {one.person_id: (one.face_id, one.distance) for one in found}


def test_it_holds_what_was_added_and_not_taken_out():
    rng = random.Random(0)
    matrix, there = Matrix(expected=10), {}
    for step in range(60):
        new = [(number(rng), number(rng), [step + 1, index, 0, 0]) for index in range(rng.randrange(1, 30))]
        put(matrix, *new)
        there |= {face_id: (person_id, embedding) for face_id, person_id, embedding in new}
        gone = set(rng.sample(sorted(there), rng.randrange(len(there)))) | {number(rng)}
        matrix.remove(gone)
        there = {face_id: kept for face_id, kept in there.items() if face_id not in gone}
        assert near(matrix) == {
            person_id: (face_id, round(float(np.linalg.norm(embedding)), 6))
            for face_id, (person_id, embedding) in there.items()
        }
    assert matrix.count == len(there) > 0


def test_what_was_taken_out_is_overwritten():
    rng = random.Random(0)
    faces = [(number(rng), number(rng), [7, 7, 7, index]) for index in range(200)]
    matrix = Matrix(expected=200)
    put(matrix, *faces)
    matrix.remove({face_id for face_id, _, _ in faces[::2]})
    assert all(sum(array.any(axis=-1)) == 100 for array in (matrix._embeddings, matrix._face_ids, matrix._person_ids))
    matrix.remove({face_id for face_id, _, _ in faces})
    for array in (matrix._embeddings, matrix._lengths, matrix._face_ids, matrix._person_ids):
        assert not array.any()


def test_ids_that_begin_alike_are_told_apart():
    ann, bob, first, second = (UUID(int=(5 << 64) + half) for half in range(4))
    matrix = Matrix(expected=0)
    put(matrix, (first, ann, [3, 0, 0, 0]), (second, bob, [1, 0, 0, 0]))
    assert near(matrix, whose={ann}, k=1) == {ann: (first, 3.0)}
    assert near(matrix, whose={ann}, within=2.0) == {}
    matrix.remove({second})
    assert near(matrix) == {ann: (first, 3.0)}
