"""What a use-case may ask of the gallery: persons and their faces."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from services.audit.events import Event, RecordedEvent
from services.database.database import StoreStatus
from services.deepface.interface import EmbeddingSpace
from services.gallery.store.values import (
    Answer,
    AnswerKey,
    Forgotten,
    Limit,
    Neighbour,
    NewFace,
    Page,
    Person,
    Snapshot,
    StoredFace,
    WholeFace,
)


class GalleryStore(ABC):
    """Keeps the gallery, for several threads and processes: what one has been told, every other sees.

    Each method that changes something is one transaction, its event included: when it returns the change survives a
    crash, and if it raises nothing has changed. Every method may raise ServiceUnavailable, those that write also
    StorageFull.
    """

    @abstractmethod
    def ping(self) -> None:
        """Return if the database answers."""

    @abstractmethod
    def status(self) -> StoreStatus:
        """Where the database is and which schema it has; changes nothing, and makes nothing.

        Raises:
            ServiceUnavailable: it does not answer.
        """

    @abstractmethod
    def upgrade(self) -> None:
        """Bring the database to the newest schema."""

    @abstractmethod
    def purge(self) -> dict[str, str]:
        """Have what was forgotten leave every file of the database: the names of the steps, and what came of each."""

    @abstractmethod
    def index_waiting(self, *, limit: int) -> int:
        """Make some of the newest faces, `limit` at most, as fast to find as the others; returns how many it were."""

    @abstractmethod
    def size_bytes(self) -> int:
        """How much room the database takes."""

    @abstractmethod
    def register(
        self,
        faces: Sequence[NewFace],
        *,
        collection: str,
        event: Event,
        name: str | None = None,
        person_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        retain_until: datetime | None = None,
        answer_key: AnswerKey | None = None,
    ) -> tuple[Person, list[StoredFace]]:
        """Store faces of the person of this id, or of this name in the collection, who is made if there is none.

        There is at least one. Labels and metadata that are given are merged into the person's. With an `answer_key` a
        later `answered` finds the first face that was stored.

        Raises:
            PersonNotFound: there is no person of this id in the collection.
            AnswerKeyTaken: another registration was first.
        """

    @abstractmethod
    def one_at_a_time(self) -> AbstractContextManager[None]:
        """What only one caller of all processes is in: for a change that depends on what a search has found."""

    @abstractmethod
    def answered(self, key: str) -> Answer | None:
        """What the request with this answer key stored; None if there was none, or not for as long as answers last, or
        what was stored has been forgotten."""

    @abstractmethod
    def nearest(
        self,
        probe: npt.NDArray[np.float64],
        *,
        space: EmbeddingSpace,
        collection: str,
        metric: str,
        k: int,
        within: float | None = None,
        person_id: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[Neighbour]:
        """The `k` nearest persons, nearest first, of those with faces in this space; equal distances by id."""

    @abstractmethod
    def spaces(self, collection: str, *, person_id: str | None = None) -> dict[EmbeddingSpace, int]:
        """The embedding spaces of the faces of the collection, or of this person in it, with the dimension of each."""

    @abstractmethod
    def face_counts(self) -> dict[tuple[str, EmbeddingSpace], int]:
        """How many faces each collection has in each embedding space, where it has any."""

    @abstractmethod
    def person(self, person_id: str) -> Person:
        """The person; raises PersonNotFound."""

    @abstractmethod
    def persons(
        self, *, collection: str | None, name: str, labels: Mapping[str, str], cursor: str | None, limit: int
    ) -> Page:
        """Persons whose name has `name` in it (in any case) and who have all these labels; all of them by default.

        Raises:
            ValidationFailed: the cursor is no `next_cursor` of a page.
        """

    @abstractmethod
    def update(self, person_id: str, changes: Mapping[str, Any], event: Event) -> Person:
        """Change name, labels, metadata or retain_until; raises PersonNotFound, Conflict."""

    @abstractmethod
    def merge(self, person_id: str, others: Collection[str], event: Event, *, limit: Limit | None = None) -> Person:
        """Give the person all faces, labels and metadata of the others, who are then no more.

        Of a label or a piece of metadata that several have the person's own stays, or the first other's. Which
        `retain_until` is right where they differ only the caller can know: the earliest would have faces vanish that
        were to stay, any other would keep some for longer than was promised.

        Raises:
            PersonNotFound: one of them is not there, or in another collection.
            Conflict: the limits differ, and no `limit` is given that is to hold for all.
        """

    @abstractmethod
    def faces(self, person_id: str) -> list[StoredFace]:
        """The person's faces, the first registered first; raises PersonNotFound."""

    @abstractmethod
    def face(self, face_id: str) -> StoredFace:
        """The face; raises FaceNotFound."""

    @abstractmethod
    def crop(self, face_id: str) -> bytes | None:
        """The face's picture, where that was stored; raises FaceNotFound."""

    @abstractmethod
    def forget(self, event: Event, *, person_id: str | None = None, face_id: str | None = None) -> Forgotten:
        """Remove a person with all faces, or a face, for good.

        A person without faces stays. Raises PersonNotFound, FaceNotFound.
        """

    @abstractmethod
    def expire(self, at: datetime, event: Event, *, limit: int) -> list[RecordedEvent]:
        """Remove for good at most `limit` persons whose `retain_until` is `at` or earlier; an event for each."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """All that is in the gallery at this moment, until the block ends; nobody waits for that.

        It may also raise StorageFull.
        """

    @abstractmethod
    def restore(self, person: Person, faces: Sequence[WholeFace], event: Event) -> bool:
        """Store a person of another gallery by the same ids; False, and nothing changes, if the person's is there.

        Raises:
            Conflict: somebody else has the name, or one of the faces.
        """

    @abstractmethod
    def collections(self) -> dict[str, int]:
        """The names of all collections, and how many persons each has."""

    @abstractmethod
    def add_collection(self, name: str, event: Event) -> None:
        """Make an empty collection; raises Conflict."""

    @abstractmethod
    def remove_collection(self, name: str, event: Event, *, with_persons: bool) -> Forgotten:
        """Remove a collection for good, and an event for each person; raises NotFound, and Conflict if it has persons,
        unless `with_persons`."""
