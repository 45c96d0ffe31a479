"""Search for SQLite: every embedding of a collection in one float32 matrix in memory, as fresh as the last commit."""

import threading
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from typing_extensions import override

from core.nearest import nearest
from services.stores.sql.database import Database
from services.stores.sql.rows import has_labels
from services.stores.sql.schema import changes, faces, persons
from services.stores.sql.search import FaceSearch, Filter, Near, by_person

_LEAST_ROWS = 64
_MOST_PARAMETERS = 500  # of a statement


class Matrix:
    """The embeddings of one collection in one space; rows in no order, the first `count` of them in use."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.count = 0
        self.embeddings = np.empty((0, 0), np.float32)
        self.lengths = np.empty(0, np.float32)
        self.face_ids: list[UUID] = []
        self.person_ids: list[UUID] = []
        self._row_of: dict[UUID, int] = {}

    def put(self, face_id: UUID, person_id: UUID, embedding: npt.NDArray[np.float32]) -> None:
        """Add a face, or tell whose it is now."""
        row = self._row_of.get(face_id)
        if row is not None:
            self.person_ids[row] = person_id
            return
        if self.count == len(self.embeddings):
            self._grow(max(_LEAST_ROWS, self._expected, self.count * 5 // 4), len(embedding))
        self.embeddings[self.count] = embedding
        self.lengths[self.count] = np.linalg.norm(embedding.astype(np.float64))
        self._row_of[face_id] = self.count
        self.face_ids.append(face_id)
        self.person_ids.append(person_id)
        self.count += 1

    def remove(self, face_id: UUID) -> None:
        """Overwrite a face, if it is here, by the last one, and that one's row by zeros."""
        row = self._row_of.pop(face_id, None)
        if row is None:
            return
        self.count -= 1
        last = self.count
        moved_face, moved_person = self.face_ids.pop(), self.person_ids.pop()
        if row != last:
            self.embeddings[row], self.lengths[row] = self.embeddings[last], self.lengths[last]
            self.face_ids[row], self.person_ids[row] = moved_face, moved_person
            self._row_of[moved_face] = row
        self.embeddings[last], self.lengths[last] = 0, 0

    def _grow(self, rows: int, dimension: int) -> None:
        embeddings, lengths = np.zeros((rows, dimension), np.float32), np.zeros(rows, np.float32)
        embeddings[: self.count] = self.embeddings[: self.count].reshape(self.count, dimension)
        lengths[: self.count] = self.lengths[: self.count]
        self.embeddings, self.lengths = embeddings, lengths


class MatrixSearch(FaceSearch):
    """A matrix for each collection and space that was asked for, kept up with what any process commits.

    SQLite says with `PRAGMA data_version`, in microseconds, whether another connection has committed anything since
    the last look; what it was stands in the table `changes`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._data_version: Callable[[], int] | None = None
        self._version: int | None = None
        self._seen = 0  # the last row of `changes` that is in the matrices
        self._matrices: dict[tuple[str, str], Matrix] = {}
        self._lock = threading.Lock()

    @override
    def nearest(
        self, probe: npt.NDArray[np.float64], only: Filter, *, metric: str, k: int, within: float | None
    ) -> list[Near]:
        wanted = None if only.is_everyone else self._persons(only)
        with self._lock:
            self._catch_up()
            matrix = self._matrix(only.collection, only.space)
            if wanted is None:
                return _nearest(matrix, range(matrix.count), probe, metric=metric, k=k, within=within)
            rows = [row for row in range(matrix.count) if matrix.person_ids[row] in wanted]
            return _nearest(matrix, rows, probe, metric=metric, k=k, within=within)

    def _persons(self, only: Filter) -> set[UUID]:
        select = sa.select(persons.c.id).where(persons.c.collection == only.collection, *has_labels(only.labels))
        if only.person is not None:
            select = select.where(persons.c.id == only.person)
        with self._database.reading() as connection:
            return set(connection.scalars(select))

    def _catch_up(self) -> None:
        if self._data_version is None:
            self._data_version = self._database.data_version()
        version = self._data_version()  # before the look: what is committed meanwhile is then looked at again
        if version == self._version:
            return
        with self._database.reading() as connection:
            if self._matrices:
                self._apply(
                    connection, set(connection.scalars(sa.select(changes.c.face_id).where(changes.c.id > self._seen)))
                )
            self._seen = connection.scalar(sa.select(sa.func.max(changes.c.id))) or 0
        self._version = version

    def _apply(self, connection: sa.Connection, changed: set[UUID]) -> None:
        columns = (faces.c.id, faces.c.person_id, faces.c.collection, faces.c.space, faces.c.embedding)
        pending = list(changed)
        for start in range(0, len(pending), _MOST_PARAMETERS):
            some = pending[start : start + _MOST_PARAMETERS]
            for row in connection.execute(sa.select(*columns).where(faces.c.id.in_(some))):
                changed.discard(row.id)
                matrix = self._matrices.get((row.collection, row.space))
                if matrix is not None:
                    matrix.put(row.id, row.person_id, row.embedding)
        for matrix in self._matrices.values():
            for gone in changed:
                matrix.remove(gone)

    def _matrix(self, collection: str, space: str) -> Matrix:
        """The matrix; loaded it holds at least what `_seen` says, and what it holds beyond may be applied again."""
        matrix = self._matrices.get((collection, space))
        if matrix is None:
            where = (faces.c.collection == collection) & (faces.c.space == space)
            with self._database.reading() as connection:
                count = connection.scalar(sa.select(sa.func.count()).where(where)) or 0
                rows = connection.execute(sa.select(faces.c.id, faces.c.person_id, faces.c.embedding).where(where))
                matrix = Matrix(count)
                for row in rows:
                    matrix.put(row.id, row.person_id, row.embedding)
            self._matrices[collection, space] = matrix
        return matrix


def _nearest(
    matrix: Matrix, rows: Sequence[int], probe: npt.NDArray[np.float64], *, metric: str, k: int, within: float | None
) -> list[Near]:
    if not rows:
        return []
    embeddings, lengths = matrix.embeddings[: matrix.count], matrix.lengths[: matrix.count]
    if len(rows) < matrix.count:
        embeddings, lengths = embeddings[rows], lengths[rows]
    many = k + 8  # a person may have several faces, and equal distances are put in order below
    while True:
        places, distances = nearest(probe, (embeddings, lengths), metric, within=within, k=many)
        found = sorted(
            (
                Near(person_id=matrix.person_ids[rows[place]], face_id=matrix.face_ids[rows[place]], distance=distance)
                for place, distance in zip(places.tolist(), distances.tolist(), strict=True)
            ),
            key=lambda near: (near.distance, near.person_id, near.face_id),
        )
        first = by_person(found)
        if len(found) < many or sum(near.distance < found[-1].distance for near in first) >= k:
            return first[:k]
        many *= 4
