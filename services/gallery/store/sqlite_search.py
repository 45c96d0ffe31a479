"""Search for SQLite: the embeddings of a collection in one float32 matrix in memory, current to the last commit."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from typing_extensions import override

from core.exceptions import ServiceUnavailable
from services.database import encryption
from services.database.schema import changes, embeddings, persons
from services.database.sqlite import SqliteDatabase
from services.gallery.store.matrix import Matrix, halves_of
from services.gallery.store.rows import has_labels, lacks
from services.gallery.store.search import FaceSearch, Filter, NearestFace

_MAX_PARAMETERS = 500  # of a statement
_READ_ROWS = 1000  # at a time

# As SQLite stores them: converting every row to objects would take most of the time.
_RAW: list[sa.ColumnElement[Any]] = [
    sa.type_coerce(embeddings.c.face_id, sa.String).label("face_id"),
    sa.type_coerce(embeddings.c.person_id, sa.String).label("person_id"),
    sa.type_coerce(embeddings.c.embedding, sa.LargeBinary).label("embedding"),
    embeddings.c.sealed_with,
    embeddings.c.collection,
    embeddings.c.space,
]
_IS_COMPARED = ~embeddings.c.set_aside


class MatrixSearch(FaceSearch):
    """Keeps a matrix for each requested collection and embedding space with faces, current with all commits.

    `PRAGMA data_version` tells in microseconds whether another connection has committed since the last look. The table
    `changes` lists the changed faces.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._version: object = None
        self._seen: tuple[int, UUID | None] = (0, None)  # the last row of `changes` that the matrices include
        self._matrices: dict[tuple[str, str], Matrix] = {}
        self._failures = 0  # how often the database did not answer
        self._searching = 0  # threads that read a matrix now
        self._idle = threading.Condition()  # held while the matrices change, or the readers are counted

    @override
    def nearest(
        self, probe: npt.NDArray[np.float64], only: Filter, *, metric: str, k: int, within: float | None
    ) -> list[NearestFace]:
        whose = None if only.is_everyone else self._persons(only)
        with self._reading(only.collection, only.space) as matrix:
            return matrix.nearest(probe, whose, metric=metric, k=k, within=within, by_face=only.by_face)

    @contextmanager
    def _reading(self, collection: str, space: str) -> Iterator[Matrix]:
        """The current matrix, which stays unchanged until the block ends."""
        with self._my_turn():
            # Read before catching up: later commits then change the version again.
            while (version := self._database.data_version()) != self._version and self._searching:
                self._idle.wait()
            if version != self._version:
                self._catch_up()
                self._version = version
            matrix = self._matrix(collection, space)
            self._searching += 1
        try:
            yield matrix
        finally:
            with self._idle:
                self._searching -= 1
                self._idle.notify_all()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """The right to change the matrices.

        Raises ServiceUnavailable if the database failed while this thread waited for its turn. Otherwise each waiting
        thread would wait for the database in turn.
        """
        before = self._failures
        with self._idle:
            if self._failures != before:
                raise ServiceUnavailable("The database does not answer.")
            try:
                yield
            except ServiceUnavailable:
                self._failures += 1
                raise

    def _persons(self, only: Filter) -> set[UUID]:
        select = sa.select(persons.c.id).where(persons.c.collection == only.collection, *has_labels(only.labels))
        if only.person is not None:
            select = select.where(persons.c.id == only.person)
        if only.lacking is not None:
            is_lacking = lacks(only.lacking, only.collection, persons.c.id, spares_photos=only.spares_photos)
            select = select.where(is_lacking)
        with self._database.reading() as connection:
            return set(connection.scalars(select))

    def _catch_up(self) -> None:
        """Remove all changed faces from the matrices, and add those again that still exist.

        If a backup was put back, the last change that was seen is not in it: then all matrices are made anew.
        """
        with self._database.reading() as connection:
            number, face_id = self._seen
            if connection.scalar(sa.select(changes.c.face_id).where(changes.c.id == number)) != face_id:
                self._matrices.clear()
            if self._matrices:
                changed = set(connection.scalars(sa.select(changes.c.face_id).where(changes.c.id > number)))
                for matrix in self._matrices.values():
                    matrix.remove(changed)
                self._put_in(connection, list(changed))
                self._matrices = {which: matrix for which, matrix in self._matrices.items() if matrix.count}
            last = connection.execute(sa.select(changes).order_by(changes.c.id.desc()).limit(1)).first()
            self._seen = (0, None) if last is None else (last.id, last.face_id)

    def _put_in(self, connection: sa.Connection, face_ids: list[UUID]) -> None:
        select, read = sa.select(*_RAW), encryption.Decryption(connection, self._database.keyring)
        for start in range(0, len(face_ids), _MAX_PARAMETERS):
            some = face_ids[start : start + _MAX_PARAMETERS]
            for row in connection.execute(select.where(_IS_COMPARED, embeddings.c.face_id.in_(some))):
                matrix = self._matrices.get((row.collection, row.space))
                if matrix is not None:
                    self._add(matrix, read, [row])

    def _matrix(self, collection: str, space: str) -> Matrix:
        """The matrix; a new one includes at least the changes up to `_seen`. Applying later ones again is harmless."""
        matrix = self._matrices.get((collection, space))
        if matrix is None:
            where = (embeddings.c.collection == collection) & (embeddings.c.space == space) & _IS_COMPARED
            with self._database.reading() as connection:
                read = encryption.Decryption(connection, self._database.keyring)
                matrix = Matrix(connection.scalar(sa.select(sa.func.count()).where(where)) or 0)
                for rows in connection.execute(sa.select(*_RAW).where(where)).partitions(_READ_ROWS):
                    self._add(matrix, read, rows)
            if matrix.count:  # otherwise empty matrices of all requested collections would stay
                self._matrices[collection, space] = matrix
        return matrix

    def _add(self, matrix: Matrix, read: encryption.Decryption, rows: Sequence[sa.Row[Any]]) -> None:
        face_ids, person_ids, stored, sealed_with, *_ = zip(*rows, strict=True)
        ids = (map(bytes.fromhex, texts) for texts in (face_ids, person_ids))
        vectors = map(read.embedding, stored, sealed_with, *ids)
        numbers = np.frombuffer(b"".join(vectors), "<f4").reshape(len(rows), -1)
        matrix.add(halves_of(face_ids), halves_of(person_ids), numbers)
