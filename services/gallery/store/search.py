"""What the two databases do differently: finding the faces nearest to a probe."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which faces are compared: of one collection and embedding space, and of whom."""

    collection: str
    space: str
    person: UUID | None
    labels: Mapping[str, str]

    @property
    def is_everyone(self) -> bool:
        """Whether it is all persons of the collection."""
        return self.person is None and not self.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The nearest face of a person."""

    person_id: UUID
    face_id: UUID
    distance: float


class FaceSearch(ABC):
    """Finds the nearest faces."""

    @abstractmethod
    def nearest(
        self, probe: npt.NDArray[np.float64], only: Filter, *, metric: str, k: int, within: float | None
    ) -> list[Near]:
        """The `k` persons nearest to the probe, each by the nearest face; nearest first, equal distances by id.

        The distances are those of float64 arithmetic on the stored float32, rounded as `core.distances` does.
        """

    def index_waiting(self, *, limit: int) -> int:
        """Put faces into an index that does not have them yet, `limit` at most; returns how many it were.

        They are found before as well, if not as fast.
        """
        return 0


def by_person(found: Iterable[Near]) -> list[Near]:
    """The first of each person."""
    first: dict[UUID, Near] = {}
    for near in found:
        first.setdefault(near.person_id, near)
    return list(first.values())
