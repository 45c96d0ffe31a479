"""The same faces in each of the gallery's databases."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.gallery_faces import SPACE, People, fill
from services.database.choice import make_database
from services.gallery.store.choice import make_search
from services.gallery.store.rows import text_of_space
from services.gallery.store.search import FaceSearch, Filter
from services.gallery.store.store import GalleryStore
from tests.postgresql import new_database

K = 5
METRIC = "cosine"


class Searched:
    """A store as the service has it, and its search alone."""

    def __init__(self, url: str, metric: str = METRIC) -> None:
        self._metric = metric
        database = make_database(url)
        self._search: FaceSearch = make_search(database)
        self.store = GalleryStore(database, self._search)

    def whole(self, probe: npt.NDArray[np.float64], collection: str) -> list[str]:
        """The ids of the nearest persons, as a use-case gets them."""
        found = self.store.nearest(probe, space=SPACE, collection=collection, metric=self._metric, k=K)
        return [near.person.id for near in found]

    def alone(self, probe: npt.NDArray[np.float64], collection: str) -> Any:
        """What `whole` does without reading who the persons are."""
        everyone = Filter(collection=collection, space=text_of_space(SPACE), person=None, labels={})
        return self._search.nearest(probe, everyone, metric=self._metric, k=K, within=None)


@dataclass(frozen=True, kw_only=True)
class Stores:
    """`scanning` is `indexed` by the length of the difference, for which the service scans; of embeddings of length 1
    the order is the same. `built_s` is what the index took."""

    sqlite_url: str
    sqlite: Searched
    indexed: Searched
    scanning: Searched
    built_s: float

    @classmethod
    def filled(cls, file: Path, server_url: str, people: People) -> "Stores":
        """Both databases with these faces."""
        sqlite_url, postgresql_url = f"sqlite:///{file}", new_database(server_url)
        fill(make_database(sqlite_url), people)
        built_s = fill(make_database(postgresql_url), people)
        return cls(
            sqlite_url=sqlite_url,
            sqlite=Searched(sqlite_url),
            indexed=Searched(postgresql_url),
            scanning=Searched(postgresql_url, "euclidean"),
            built_s=built_s,
        )
