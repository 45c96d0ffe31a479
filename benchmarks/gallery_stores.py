"""The same faces in each of the gallery's databases."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from benchmarks.gallery_faces import SPACE, People, fill
from services.stores.sql.database import Database
from services.stores.sql.matrix_search import MatrixSearch
from services.stores.sql.pgvector_search import PgVectorSearch
from services.stores.sql.rows import text_of_space
from services.stores.sql.search import FaceSearch, Filter
from services.stores.sql.store import SqlGalleryStore
from tests.postgresql import new_database

K = 5
METRIC = "cosine"


class Searched:
    """A store as the service has it, and its search alone."""

    def __init__(self, url: str) -> None:
        database = Database(url)
        self._search: FaceSearch = MatrixSearch(database) if database.is_sqlite else PgVectorSearch(database)
        self.store = SqlGalleryStore(database, self._search)

    def whole(self, probe: npt.NDArray[np.float64], collection: str) -> list[str]:
        """The ids of the nearest persons, as a use-case gets them."""
        found = self.store.nearest(probe, space=SPACE, collection=collection, metric=METRIC, k=K)
        return [near.person.id for near in found]

    def alone(self, probe: npt.NDArray[np.float64], collection: str) -> Any:
        """What `whole` does without reading who the persons are."""
        everyone = Filter(collection=collection, space=text_of_space(SPACE), person=None, labels={})
        return self._search.nearest(probe, everyone, metric=METRIC, k=K, within=None)


@dataclass(frozen=True, kw_only=True)
class Stores:
    """`scanning` is `indexed` without its index; `built_s` is what that took."""

    sqlite_url: str
    sqlite: Searched
    indexed: Searched
    scanning: Searched
    built_s: float

    @classmethod
    def filled(cls, file: Path, server_url: str, people: People) -> "Stores":
        """Both databases with these faces."""
        sqlite_url, postgresql_url = f"sqlite:///{file}", new_database(server_url)
        fill(Database(sqlite_url), people)
        built_s = fill(Database(postgresql_url), people)
        return cls(
            sqlite_url=sqlite_url,
            sqlite=Searched(sqlite_url),
            indexed=Searched(postgresql_url),
            scanning=Searched(_without_index(postgresql_url)),
            built_s=built_s,
        )


def _without_index(url: str) -> str:
    """The URL for a user of PostgreSQL's whose searches use no index for the order."""
    user = f"scanning_{uuid4().hex}"
    with Database(url).writing() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {user} SUPERUSER LOGIN")
        connection.exec_driver_sql(f"ALTER ROLE {user} SET enable_indexscan = off")
    return sa.engine.make_url(url).set(username=user).render_as_string(hide_password=False)
