"""Made-up persons with several faces each, stored as the gallery stores them."""

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt
import pgvector.psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from services.database import postgresql
from services.database.database import Database
from services.database.schema import collections, embeddings, faces, now, persons
from services.database.sqlite import SqliteDatabase
from services.deepface.interface import EmbeddingSpace, FaceArea
from services.find.index import Floats
from services.gallery.store.rows import text_of_space
from services.gallery.store.values import FaceEmbedding, NewFace

EVERYBODY, FEW = "everybody", "few"  # the collections; the faces of the second are a hundredth more
FACES_EACH = 5
PROBES = 400
MEMORY = "4GB"  # PostgreSQL's maintenance_work_mem, so that an index is built in memory

# Lengths of what is added to a person's centre, of length 1: two faces of one person then have a cosine of 0.67, a
# probe and a face of its person one of 0.64; that of strangers is 0 on average.
_SPREAD = 0.7
_PROBE_SPREAD = 0.8

SPACE = EmbeddingSpace(
    model="ArcFace", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0
)
_INSERTED = 1000
_TYPES = {
    "id": "uuid",
    "face_id": "uuid",
    "person_id": "uuid",
    "dimension": "int4",
    "embedding": "vector",
    "area": "jsonb",
    "confidence": "float8",
    "quality": "jsonb",
    "registered_at": "timestamptz",
}


@dataclass(frozen=True, kw_only=True)
class People:
    """Faces of EVERYBODY and then of FEW, float32 of shape (n, d); probes are float64, new samples of EVERYBODY."""

    embeddings: Floats
    person_ids: list[UUID]
    probes: npt.NDArray[np.float64]
    few_probes: npt.NDArray[np.float64]
    everybody: int

    @classmethod
    def made(cls, count: int, dimension: int) -> "People":
        """`count` faces of EVERYBODY, from a fixed seed."""
        rng = np.random.default_rng(count + dimension)
        total = count + count // 100
        centres = _units(rng.standard_normal((total // FACES_EACH, dimension), dtype=np.float32))
        embeddings = _samples(rng, np.repeat(centres, FACES_EACH, axis=0), _SPREAD)
        first_few = count // FACES_EACH
        return cls(
            embeddings=embeddings,
            person_ids=[uuid4() for _ in centres],
            probes=_probes(rng, centres[:first_few]),
            few_probes=_probes(rng, centres[first_few:]),
            everybody=count,
        )

    def __str__(self) -> str:
        return f"{self.everybody:,} x {self.embeddings.shape[1]}"

    def collection(self, row: int) -> str:
        """Where the face of a row of `embeddings` is."""
        return EVERYBODY if row < self.everybody else FEW

    def face(self, row: int) -> NewFace:
        """The face of a row of `embeddings`, as a registration brings it."""
        return NewFace(
            embeddings=(FaceEmbedding(space=SPACE, vector=self.embeddings[row], weights="made up"),),
            detector="opencv",
            area=FaceArea(x=100, y=100, w=150, h=150, left_eye=(140, 150), right_eye=(210, 150)),
            confidence=0.9,
            quality={"sharpness": 12.5, "brightness": 128.0},
        )

    def nearest(self, collection: str, probes: npt.NDArray[np.float64], k: int) -> list[list[UUID]]:
        """The `k` nearest persons of each probe by cosine, by one product with all faces."""
        first = 0 if collection == EVERYBODY else self.everybody
        last = self.everybody if collection == EVERYBODY else len(self.embeddings)
        most = min(k * FACES_EACH, last - first)
        found = []
        for some in np.array_split(probes, max(1, len(probes) // 50)):
            products = self.embeddings[first:last] @ some.astype(np.float32).T
            rows = np.argpartition(products, -most, axis=0)[-most:]
            for column in range(len(some)):
                mine = rows[:, column]
                order = mine[products[mine, column].argsort()[::-1]] + first
                found.append(list(dict.fromkeys(self.person_ids[row // FACES_EACH] for row in order.tolist()))[:k])
        return found


def fill(database: Database, people: People) -> float:
    """Store everybody; returns the seconds PostgreSQL then took to build the indexes that the service has defined."""
    database.upgrade()
    at = now()
    with database.writing() as connection:
        connection.execute(sa.insert(collections), [{"name": name, "created_at": at} for name in (EVERYBODY, FEW)])
        definitions = [] if isinstance(database, SqliteDatabase) else _without_indexes(connection)
        for start in range(0, len(people.person_ids), _INSERTED):
            some = range(start, min(start + _INSERTED, len(people.person_ids)))
            connection.execute(sa.insert(persons), [_person(people, number, at) for number in some])
            rows = range(start * FACES_EACH, some.stop * FACES_EACH)
            numbers = [uuid4() for _ in rows]
            tables = {
                faces: [_face(people, row, number, at) for row, number in zip(rows, numbers, strict=True)],
                embeddings: [_embedding(people, row, number) for row, number in zip(rows, numbers, strict=True)],
            }
            for table, values in tables.items():
                if isinstance(database, SqliteDatabase):
                    connection.execute(sa.insert(table), values)
                else:
                    _copy(connection, table, values)
    started = time.perf_counter()
    if definitions:
        with database.writing() as connection:
            postgresql.be_patient(connection)
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '{MEMORY}'")
            for definition in definitions:
                connection.exec_driver_sql(definition)
            connection.exec_driver_sql("ANALYZE")  # as autovacuum does it after a minute
    return time.perf_counter() - started


def _without_indexes(connection: sa.Connection) -> list[str]:
    """Drop pgvector's indexes, for they are built faster than they grow; returns how they were defined."""
    select = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'embeddings' AND indexdef LIKE '%%hnsw%%'"
    indexes = connection.exec_driver_sql(select).all()
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return [definition for _, definition in indexes]


def _copy(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Store rows of a table in PostgreSQL, where statements of many take minutes."""
    driver: Any = connection.connection.driver_connection
    pgvector.psycopg.register_vector(driver)
    with driver.cursor().copy(f"COPY {table.name} ({', '.join(rows[0])}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([_TYPES.get(name, "varchar") for name in rows[0]])
        for row in rows:
            copy.write_row([Jsonb(value) if isinstance(value, dict) else value for value in row.values()])


def _person(people: People, number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": people.person_ids[number],
        "collection": people.collection(number * FACES_EACH),
        "name": f"Person {number:07}",
        "labels": {},
        "metadata": {},
        "registered_at": at,
    }


def _face(people: People, row: int, number: UUID, at: datetime) -> dict[str, Any]:
    face = people.face(row)
    return {
        "id": number,
        "person_id": people.person_ids[row // FACES_EACH],
        "detector": face.detector,
        "area": asdict(face.area),
        "confidence": face.confidence,
        "quality": face.quality,
        "registered_at": at,
    }


def _embedding(people: People, row: int, number: UUID) -> dict[str, Any]:
    (one,) = people.face(row).embeddings
    return {
        "face_id": number,
        "space": text_of_space(one.space),
        "person_id": people.person_ids[row // FACES_EACH],
        "collection": people.collection(row),
        "dimension": len(one.vector),
        "embedding": one.vector,
        "weights": one.weights,
    }


def _samples(rng: np.random.Generator, centres: Floats, spread: float) -> Floats:
    noise = rng.standard_normal(centres.shape, dtype=np.float32)
    noise *= np.float32(spread / np.sqrt(centres.shape[1]))
    noise += centres
    return _units(noise)


def _probes(rng: np.random.Generator, centres: Floats) -> npt.NDArray[np.float64]:
    whose = rng.integers(0, len(centres), PROBES)
    return _samples(rng, centres[whose], _PROBE_SPREAD).astype(np.float64)


def _units(rows: Floats) -> Floats:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
