"""What a use-case may ask of the faces as far as they are sealed."""

from abc import ABC, abstractmethod

from services.audit.events import Event


class FaceSealer(ABC):
    """Seals with the first key of GALLERY_KEY what was not. Each method may raise ServiceUnavailable."""

    @abstractmethod
    def has_key(self) -> bool:
        """Whether there is a key at all."""

    @abstractmethod
    def remaining(self) -> int:
        """How many faces are not sealed with it, and should be."""

    @abstractmethod
    def reseal(self, event: Event, *, limit: int) -> int:
        """Seal at most so many of them, in one transaction; returns how many.

        The call that finds none forgets all other keys, and only its event is recorded.

        Raises:
            ServiceUnavailable: also if none of the keys opens one of them; nothing is changed.
            StorageFull: nothing is changed.
        """
