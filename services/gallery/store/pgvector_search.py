"""Search for PostgreSQL: pgvector finds candidates, and float64 arithmetic sorts them."""

import math
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from typing_extensions import override

from core.distances import distances
from services.database.database import Database
from services.database.schema import INDEXED_DIMENSIONS, embeddings, persons, text_of_vector
from services.gallery.store.rows import has_labels, lacks
from services.gallery.store.search import FaceSearch, Filter, NearestFace, by_person

# Candidates that a search examines before it stops: a seventh of the number of faces to the power of 0.6. Measured with
# 100,000 x 512: one index found the nearest face for all of 400 probes with 90 candidates; another one for 399 with
# 125.
_FEWEST_CANDIDATES, _MAX_CANDIDATES = 100, 1000  # the maximum that pgvector accepts
_SETTINGS = (
    "SET LOCAL hnsw.ef_search = {candidates}; SET LOCAL hnsw.iterative_scan = strict_order;"
    # Whether the index is faster depends on the size of the collection, so plans must not be shared.
    " SET LOCAL plan_cache_mode = force_custom_plan"
)
_HEADER_BYTES = 4  # of pgvector's format: the dimension, and a reserved field
_EXPLAIN = sa.text("EXPLAIN (FORMAT JSON) SELECT FROM embeddings WHERE collection = :collection AND space = :space")
_EVERYONE = sa.text("SELECT reltuples FROM pg_class WHERE oid = 'embeddings'::regclass")

# Sorted as the index of waiting faces, which is empty most of the time.
_WAITING = (
    sa.select(embeddings.c.face_id, embeddings.c.space)
    .where(embeddings.c.waits_for_index)
    .order_by(embeddings.c.collection, embeddings.c.space)
)
_ONE_WAITING = _WAITING.limit(1)
# Another process works on those that are locked.
_SOME_WAITING = _WAITING.limit(sa.bindparam("most", type_=sa.Integer)).with_for_update(skip_locked=True)
_THESE = sa.tuple_(embeddings.c.face_id, embeddings.c.space).in_(_SOME_WAITING)
_INDEX_WAITING = sa.update(embeddings).where(_THESE).values(waits_for_index=False)

# Measured on a collection with 1 % of a million faces: the index took 103 ms and found 41 % of the nearest five
# persons. A scan took 50 ms and found all. The time of a scan grows with the collection.
_FEW_OF_ALL = 0.1
_FEW_FACES = 20_000

# PostgreSQL checks its statistics equally often (autovacuum_naptime).
_ESTIMATE_S = 60
_MAX_ESTIMATES = 1000

_SPARE = 35  # candidates beyond k: several faces of a person, and faces that lower precision sorts differently


class _Estimate(NamedTuple):
    """The faces of a collection in an embedding space, all faces, and the time `at` by the monotonic clock."""

    mine: int
    everyone: int
    at: float


class _Found(NamedTuple):
    """A face, and whether it waits for the index."""

    near: NearestFace
    waits: bool


class PgVectorSearch(FaceSearch):
    """Searches the HNSW index of directions together with a scan of the waiting faces, or scans all faces.

    It scans all faces in three cases: the model's dimension has no index, the filter leaves few faces, or the metric is
    `euclidean`, the length of the difference.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._estimates: dict[tuple[str, str], _Estimate] = {}

    @override
    def nearest(
        self, probe: npt.NDArray[np.float64], only: Filter, *, metric: str, k: int, within: float | None
    ) -> list[NearestFace]:
        many = k + _SPARE
        with self._database.reading() as connection:
            mine, everyone, _ = self._estimated(connection, only)
            are_few = mine <= min(_FEW_FACES, everyone * _FEW_OF_ALL)
            exact = metric == "euclidean" or len(probe) not in INDEXED_DIMENSIONS or are_few
            candidates = min(max(round(everyone**0.6 / 7), _FEWEST_CANDIDATES), _MAX_CANDIDATES)
            connection.exec_driver_sql(_SETTINGS.format(candidates=candidates))
            while True:
                rows = _candidates(connection, probe, only, metric, many, exact=exact)
                found = _ordered(probe, rows, metric)
                reach, has_more = _reach(found, many, exact=exact)
                farthest = reach if within is None else min(reach, within)
                first = [one.near for one in found if one.near.distance <= farthest]
                first = first if only.by_face else by_person(first)
                if len(first) > k or reach == math.inf or (within is not None and reach > within):
                    return first[:k]
                if has_more:
                    many *= 4
                else:  # the index has no more faces, or gave up before it reached those that match the filter
                    exact = True

    @override
    def index_waiting(self, *, limit: int) -> int:
        with self._database.reading() as connection:
            if connection.execute(_ONE_WAITING).first() is None:
                return 0
        with self._database.writing() as connection:
            return connection.execute(_INDEX_WAITING, {"most": limit}).rowcount

    def _estimated(self, connection: sa.Connection, only: Filter) -> _Estimate:
        """PostgreSQL's estimate for this collection and embedding space.

        If the collection has few of all faces, the index would mostly return faces of other collections.
        """
        which = only.collection, only.space
        known = self._estimates.get(which)
        if known is None or time.monotonic() - known.at > _ESTIMATE_S:
            explained = connection.execute(_EXPLAIN, {"collection": only.collection, "space": only.space}).scalar_one()
            everyone = connection.execute(_EVERYONE).scalar_one()
            known = _Estimate(explained[0]["Plan"]["Plan Rows"], max(0, int(everyone)), time.monotonic())
            if len(self._estimates) >= _MAX_ESTIMATES:
                self._estimates.clear()
            self._estimates[which] = known
        return known


def _candidates(
    connection: sa.Connection, probe: npt.NDArray[np.float64], only: Filter, metric: str, many: int, *, exact: bool
) -> Sequence[Any]:
    """The `many` nearest faces: by pgvector's float32, or by the index's half precision."""
    if not exact:
        probe = probe / (np.linalg.norm(probe) or 1)
    way = len(probe), metric, exact
    values = {
        "probe": text_of_vector(probe),
        "of_collection": only.collection,
        "of_space": only.space,
        "many": many,
    }
    return connection.execute(_of_everyone(*way) if only.is_everyone else _of_some(*way, only), values).all()


@cache  # SQLAlchemy takes a while to build a statement
def _of_everyone(dimension: int, metric: str, exact: bool) -> sa.Select[Any]:
    return _sending(_nearest(dimension, metric, exact))


def _of_some(dimension: int, metric: str, exact: bool, only: Filter) -> sa.Select[Any]:
    def of_these(select: sa.Select[Any]) -> sa.Select[Any]:
        if only.person is not None:
            select = select.where(embeddings.c.person_id == only.person)
        if only.lacking is not None:
            whose = embeddings.c.person_id
            select = select.where(lacks(only.lacking, only.collection, whose, spares_photos=only.spares_photos))
        if only.labels:
            select = select.join(persons, persons.c.id == embeddings.c.person_id).where(*has_labels(only.labels))
        return select

    return _sending([of_these(select) for select in _nearest(dimension, metric, exact)])


def _nearest(dimension: int, metric: str, exact: bool) -> list[sa.Select[Any]]:
    """One scan of all faces; or a search of the index, and a scan of the faces that wait for it."""
    kind, operator = f"vector({dimension})", "<->" if metric == "euclidean" else "<=>"
    compared = f"embeddings.embedding::{kind}"
    if not exact:
        kind, operator = f"halfvec({dimension})", "<#>"
        compared = f"l2_normalize(embeddings.embedding)::{kind}"  # the index is defined with exactly this expression
    every = (
        sa.select(embeddings.c.face_id, embeddings.c.person_id, embeddings.c.embedding, embeddings.c.waits_for_index)
        .where(
            embeddings.c.dimension == sa.literal_column(str(dimension)),  # as in the condition of the partial index
            embeddings.c.collection == sa.bindparam("of_collection"),
            embeddings.c.space == sa.bindparam("of_space"),
            ~embeddings.c.set_aside,
        )
        .order_by(sa.text(f"({compared}) {operator} CAST(:probe AS {kind})"))
        .limit(sa.bindparam("many", type_=sa.Integer))
    )
    return [every] if exact else [every.where(~embeddings.c.waits_for_index), every.where(embeddings.c.waits_for_index)]


def _sending(parts: Sequence[sa.Select[Any]]) -> sa.Select[Any]:
    """The found faces with their embeddings.

    The embeddings are selected outside the search. Inside it, PostgreSQL would copy each embedding that it compares.
    """
    found = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery()
    sent = sa.func.vector_send(found.c.embedding).label("sent")
    return sa.select(found.c.face_id, found.c.person_id, found.c.waits_for_index, sent)


def _reach(found: Sequence[_Found], many: int, *, exact: bool) -> tuple[float, bool]:
    """The distance up to which no face is missing from the found ones, and whether `many` was too small.

    The found faces are sorted, nearest first. A scan that finds fewer than `many` has found all faces; the index may
    have given up.
    """
    indexed = [one.near.distance for one in found if exact or not one.waits]
    waiting = [one.near.distance for one in found if not exact and one.waits]
    reach = math.inf
    if len(waiting) == many:
        reach = waiting[-1]
    if len(indexed) == many or not exact:
        reach = min(reach, indexed[-1] if indexed else 0)
    return reach, many in (len(indexed), len(waiting))


def _ordered(probe: npt.NDArray[np.float64], rows: Sequence[Any], metric: str) -> list[_Found]:
    """The faces, nearest first."""
    if not rows:
        return []
    sent = np.frombuffer(b"".join(row.sent for row in rows), np.uint8).reshape(len(rows), -1)
    vectors = np.ascontiguousarray(sent[:, _HEADER_BYTES:]).view(">f4")
    exact = distances(probe[None], vectors, metric)[0].tolist()
    found = [
        _Found(NearestFace(person_id=row.person_id, face_id=row.face_id, distance=distance), row.waits_for_index)
        for row, distance in zip(rows, exact, strict=True)
    ]
    return sorted(found, key=lambda one: (one.near.distance, one.near.person_id, one.near.face_id))
