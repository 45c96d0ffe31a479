"""Where it is kept how often in a row a person was not recognized."""

from abc import ABC, abstractmethod
from datetime import datetime

from services.audit.events import Event


class MissStore(ABC):
    """Counts attempts to be recognized as a person, for all processes; a person who is forgotten takes the count along.

    Every method may raise ServiceUnavailable, those that write also StorageFull.
    """

    @abstractmethod
    def locked_until(self, person_id: str, at: datetime) -> datetime | None:
        """Until when the person is locked at that moment; None if not."""

    @abstractmethod
    def count(
        self, person_id: str, *, is_match: bool, at: datetime, most: int, until: datetime, event: Event
    ) -> datetime | None:
        """Count an attempt of that moment, one after the other however many come at once.

        A match begins anew. The `most`th miss in a row locks the person `until` then, with the event, after which the
        count begins anew. If the person was locked already nothing is counted, and it is said until when.

        Raises:
            PersonNotFound: the person was forgotten meanwhile.
        """
