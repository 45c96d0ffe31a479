"""What the index of pgvector alone would not find."""

import numpy as np
import pytest
import sqlalchemy as sa

from services.stores.sql import pgvector_search
from services.stores.sql.schema import faces
from tests.services.stores.test_gallery import face, near, register


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_collection_is_found_behind_many_faces_of_another(make_store, database_url, monkeypatch):
    monkeypatch.setattr(pgvector_search, "_SETTINGS", "SET LOCAL hnsw.ef_search = 1")  # it gives up at once
    gallery = make_store()
    crowd = np.eye(1, 128) + np.random.default_rng(0).normal(size=(100, 128)) / 100
    register(gallery, "Crowd", *(face(embedding=one.astype(np.float32)) for one in crowd), collection="others")
    register(gallery, "Ann", face(0, 1))
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:  # so that PostgreSQL takes pgvector's index all the same
        connection.exec_driver_sql("DROP INDEX ix_faces_collection_space")
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET seq_page_cost = 1e6")
    assert near(make_store(), 1, metric="cosine") == [("Ann", 1.0)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("dimension", "apart"), [(512, set()), (4096, {"embedding"})])
def test_only_embeddings_of_no_index_lie_apart_from_their_rows(make_store, database_url, dimension, apart):
    embedding = np.random.default_rng(0).normal(size=dimension).astype(np.float32)
    register(make_store(), "Ann", face(embedding=embedding))
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    columns = [column.name for column in faces.c if not isinstance(column.type, sa.Float | sa.Integer | sa.Uuid)]
    looked_up = ", ".join(f"pg_column_toast_chunk_id({name}) AS {name}" for name in columns if "_at" not in name)
    with engine.begin() as connection:
        row = connection.exec_driver_sql(f"SELECT {looked_up} FROM faces").mappings().one()
    assert {name for name, place in row.items() if place is not None} == apart
