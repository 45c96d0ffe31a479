"""The embeddings of one collection in one embedding space, in memory."""

from collections.abc import Sequence, Set
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from core.nearest import nearest
from services.gallery.store.search import NearestFace, by_person

Embeddings = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint64]  # of shape (n, 2): the two halves of each id

_MIN_ROWS = 64


class Matrix:
    """Rows in no particular order; the first `count` of them are in use, and removed rows are overwritten.

    Ids are numbers in arrays, because a hundred thousand objects would need as much memory as the embeddings.
    """

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.count = 0
        self._embeddings = np.zeros((0, 0), np.float32)
        self._lengths = np.zeros(0, np.float32)
        self._face_ids = np.zeros((0, 2), np.uint64)
        self._person_ids = np.zeros((0, 2), np.uint64)

    def add(self, face_ids: Ids, person_ids: Ids, embeddings: Embeddings) -> None:
        """Add faces that the matrix does not have."""
        first, self.count = self.count, self.count + len(embeddings)
        if self.count > len(self._embeddings):
            rows = max(_MIN_ROWS, self._expected, self.count, first * 5 // 4)
            self._embeddings = _longer(self._embeddings.reshape(-1, embeddings.shape[1]), rows)
            self._lengths = _longer(self._lengths, rows)
            self._face_ids, self._person_ids = _longer(self._face_ids, rows), _longer(self._person_ids, rows)
        self._embeddings[first : self.count] = embeddings
        squares = np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64)
        self._lengths[first : self.count] = np.sqrt(squares)
        self._face_ids[first : self.count], self._person_ids[first : self.count] = face_ids, person_ids

    def remove(self, face_ids: Set[UUID]) -> None:
        """Remove those of the faces that the matrix has: the last row replaces each."""
        alike = self._rows(self._face_ids, face_ids).tolist()
        gone = [row for row in alike if _uuid(self._face_ids[row].tolist()) in face_ids]
        for row in reversed(gone):  # backwards, so that the last row is never one that must still be removed
            self.count -= 1
            for array in (self._embeddings, self._lengths, self._face_ids, self._person_ids):
                array[row] = array[self.count]
                array[self.count] = 0

    def nearest(
        self,
        probe: npt.NDArray[np.float64],
        whose: Set[UUID] | None,
        *,
        metric: str,
        k: int,
        within: float | None,
        by_face: bool = False,
    ) -> list[NearestFace]:
        """As `FaceSearch.nearest`, among these persons; None means all persons."""
        used: Any = slice(self.count)
        if whose is not None and len(rows := self._rows(self._person_ids, whose)) < self.count:
            used = rows  # a copy, but only of some rows
        embeddings, lengths = self._embeddings[used], self._lengths[used]
        person_ids, face_ids = self._person_ids[used], self._face_ids[used]
        if not len(embeddings):
            return []
        many = k + 8  # a person may have several faces, and equal distances are sorted below
        while True:
            places, distances = nearest(probe, (embeddings, lengths), metric, within=within, k=many)
            found = [
                NearestFace(person_id=_uuid(person), face_id=_uuid(face), distance=distance)
                for person, face, distance in zip(
                    person_ids[places].tolist(), face_ids[places].tolist(), distances.tolist(), strict=True
                )
            ]
            found.sort(key=lambda near: (near.distance, near.person_id, near.face_id))
            first = [near for near in found if whose is None or near.person_id in whose]
            first = first if by_face else by_person(first)
            if len(places) < many or sum(near.distance < distances[-1] for near in first) >= k:
                return first[:k]
            many *= 4

    def _rows(self, ids: Ids, wanted: Set[UUID]) -> npt.NDArray[np.intp]:
        """The rows with one of these ids, in order; also rows of another id with the same first half."""
        halves = np.fromiter((one.int >> 64 for one in wanted), np.uint64, len(wanted))
        return np.flatnonzero(np.isin(ids[: self.count, 0], halves))


def halves_of(texts: Sequence[str]) -> Ids:
    """Ids from their 32 hexadecimal digits."""
    return np.frombuffer(bytes.fromhex("".join(texts)), ">u8").astype(np.uint64).reshape(-1, 2)


def _uuid(halves: Sequence[int]) -> UUID:
    first, second = halves
    return UUID(int=first << 64 | second)


def _longer(array: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    longer = np.zeros((rows, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
