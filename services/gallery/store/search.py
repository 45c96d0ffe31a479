"""The search for the nearest faces, which SQLite and PostgreSQL implement differently."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The faces to compare with: of one collection and embedding space, and of which persons.

    With `by_face` every face is found, else only the nearest of each person. With `lacking`, only persons without a
    face in that space; with `spares_photos` too, only those of them with a face that has no name of a photo.
    """

    collection: str
    space: str
    person: UUID | None
    labels: Mapping[str, str]
    by_face: bool = False
    lacking: str | None = None
    spares_photos: bool = False

    @property
    def is_everyone(self) -> bool:
        """Whether the filter includes all persons of the collection."""
        return self.person is None and not self.labels and self.lacking is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestFace:
    """A face near the probe."""

    person_id: UUID
    face_id: UUID
    distance: float


class FaceSearch(ABC):
    """Finds the nearest faces."""

    @abstractmethod
    def nearest(
        self, probe: npt.NDArray[np.float64], only: Filter, *, metric: str, k: int, within: float | None
    ) -> list[NearestFace]:
        """The `k` persons nearest to the probe, each by the nearest face; nearest first, equal distances by id.

        Or the `k` nearest faces, if the filter is `by_face`.

        Distances are computed in float64 from the stored float32, and rounded as in `core.distances`.
        """

    def index_waiting(self, *, limit: int) -> int:
        """Add up to `limit` waiting faces to an index; returns how many.

        Searches find waiting faces too, but more slowly.
        """
        return 0


def by_person(found: Iterable[NearestFace]) -> list[NearestFace]:
    """The first entry of each person."""
    first: dict[UUID, NearestFace] = {}
    for near in found:
        first.setdefault(near.person_id, near)
    return list(first.values())
