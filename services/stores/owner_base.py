"""What a use-case may ask of a table of the owner's own, into which the gallery is copied, and of what goes there."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from services.deepface.interface import EmbeddingSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRow:
    """A face in the owner's table; `embedding` is float32 of shape (dimension,)."""

    id: str
    person_id: str
    label: str
    embedding: npt.NDArray[np.float32]
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """How many rows were inserted or changed, how many were so already, and how many were removed."""

    written: int
    unchanged: int
    removed: int


class FaceSource(ABC):
    """Reads a gallery."""

    @abstractmethod
    def rows(self, collection: str, space: EmbeddingSpace) -> Iterator[OwnerRow]:
        """The collection's faces in this space, a page in memory at a time, each page as at the moment of its reading.

        A row's metadata is what is known of the person and the face.

        Raises:
            ServiceUnavailable: the gallery does not answer.
        """


class OwnerTable(ABC):
    """Writes a table of the owner's, which may hold other rows too."""

    @abstractmethod
    def replace(self, rows: Iterable[OwnerRow], *, mark: Mapping[str, Any], dimension: int) -> Replaced:
        """Make `rows` those that have the `mark` in their metadata, in one transaction; rows without it stay.

        Raises:
            ServiceUnavailable: the table is not there, takes other embeddings than of this dimension, or is not the
                user's to change; or its database does not answer. Nothing was changed.
            StorageFull: likewise.
            Others: what the iteration of `rows` raises; likewise.
        """
