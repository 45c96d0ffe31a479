"""What the index of pgvector alone would not find."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from core.distances import distances
from services.database.schema import embeddings
from services.gallery.store import pgvector_search
from tests.services.gallery.store.test_store import face, near, register


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_collection_is_found_behind_many_faces_of_another(make_store, database_url, monkeypatch):
    monkeypatch.setattr(pgvector_search, "_SETTINGS", "SET LOCAL hnsw.ef_search = 1")  # it gives up at once
    gallery = make_store()
    crowd = np.eye(1, 128) + np.random.default_rng(0).normal(size=(100, 128)) / 100
    register(gallery, "Crowd", *(face(embedding=one.astype(np.float32)) for one in crowd), collection="others")
    register(gallery, "Ann", face(0, 1))
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:  # so that PostgreSQL takes pgvector's index all the same
        connection.exec_driver_sql("DROP INDEX ix_embeddings_collection_space")
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET seq_page_cost = 1e6")
    assert near(make_store(), 1, metric="cosine") == [("Ann", 1.0)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("dimension", "apart"), [(512, set()), (4096, {"embedding"})])
def test_only_embeddings_of_no_index_lie_apart_from_their_rows(make_store, database_url, dimension, apart):
    embedding = np.random.default_rng(0).normal(size=dimension).astype(np.float32)
    register(make_store(), "Ann", face(embedding=embedding))
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    columns = [column.name for column in embeddings.c if not isinstance(column.type, sa.Integer | sa.Uuid)]
    looked_up = ", ".join(f"pg_column_toast_chunk_id({name}) AS {name}" for name in columns)
    with engine.begin() as connection:
        row = connection.exec_driver_sql(f"SELECT {looked_up} FROM embeddings").mappings().one()
    assert {name for name, place in row.items() if place is not None} == apart


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("indexed", [0, 20, 60, 80])
def test_faces_that_wait_for_the_index_are_found_among_those_in_it(make_store, database_url, monkeypatch, indexed):
    monkeypatch.setattr(pgvector_search, "_SPARE", 0)  # so that what is looked at is often too little
    rng = np.random.default_rng(indexed)
    gallery, everybody = make_store(), {}
    for number in range(20):
        spread = 0.01 if number % 5 else 1.0  # the faces of most persons are nearly the same
        some = (rng.normal(size=128) + spread * rng.normal(size=(4, 128))).astype(np.float32)
        everybody[f"{number}"] = some
        register(gallery, f"{number}", *(face(embedding=one) for one in some))
    assert gallery.index_waiting(limit=indexed) == indexed
    probes = [*(some[0] for some in everybody.values()), *rng.normal(size=(20, 128)).astype(np.float32)]
    for probe in probes:
        apart = {name: distances(probe[None], some, "cosine").min() for name, some in everybody.items()}
        nearest = sorted(apart, key=apart.get)
        for k in (1, 2, 3, 5, 20):
            assert [name for name, _ in near(gallery, *probe, metric="cosine", k=k)] == nearest[:k]
        within = apart[nearest[2]]
        assert [name for name, _ in near(gallery, *probe, metric="cosine", k=20, within=within)] == nearest[:3]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_each_face_goes_into_the_index_once_whoever_is_at_it(make_store, database_url):
    galleries = [make_store(), make_store()]
    register(galleries[0], "Ann", *(face(1, number) for number in range(40)))
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda number: galleries[number % 2].index_waiting(limit=7), range(12)))
    counts.append(galleries[0].index_waiting(limit=100))
    assert sum(counts) == 40
    assert galleries[0].index_waiting(limit=100) == 0
