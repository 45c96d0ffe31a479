"""The use-case of encrypting what is stored with the first key of GALLERY_KEY, whatever has encrypted it before."""

from collections.abc import Callable
from dataclasses import dataclass

from core.exceptions import ServiceUnavailable
from services.audit.recorder import new_event
from services.find.store import FolderIndexStore
from services.stores.sealing_base import FaceSealer

_AT_ONCE = 200  # faces in one transaction, for which others who write have to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """How many faces were encrypted anew, and how many indexes could not be."""

    faces: int
    indexes_left: int


class KeyRotationService:
    """Encrypts anew, while the gallery is in use."""

    def __init__(self, *, faces: FaceSealer, indexes: FolderIndexStore) -> None:
        self._faces = faces
        self._indexes = indexes

    def rotate(self, progress: Callable[[int, int], None]) -> Rotated:
        """Encrypt everything that the first key has not; `progress` hears how many of how many faces are done.

        What was done when it is interrupted stays done.

        Raises:
            ServiceUnavailable: there is no key, none opens a face, or the database does not answer.
            StorageFull: as it says.
        """
        if not self._faces.has_key():
            raise ServiceUnavailable("GALLERY_KEY: there is no key to encrypt with")
        total, done = self._faces.remaining(), 0
        event = new_event("rotate_key")
        while count := self._faces.reseal(event, limit=_AT_ONCE):
            done += count
            progress(done, max(done, total))
        return Rotated(faces=done, indexes_left=self._indexes.reseal())
