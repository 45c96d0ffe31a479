"""What an importer finds in its source: photos, or faces that are embedded already, each with its person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.gallery.imports.regions import Region
from services.gallery.store.values import NewFace


class Unusable(Exception):
    """Raised while an entry is read: it cannot be registered. `reason` is a word for the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _nothing() -> bytes:
    raise Unusable("unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A photo or a face to register.

    - `source`: where it is from. It is unique in its import, and stands in the report.
    - `name`: the person's name, unchecked; empty if the source has none.
    - `read`: gives the encoded photo, or a face that is embedded already. It may be called by any thread, and raises
      Unusable, OSError or OutsideRoot if this entry cannot be read. Other errors end the import.
    - `photo`: the name of the photo, which the face keeps; by default the source.
    - `version`: identifies the content, if the source has something that does; a known one is not read again.
    - `region`: where the face is, in a photo of several faces.
    - `labels`, `retain_until`: for the person, unchecked; the time is in ISO 8601.
    - `problem`: why it cannot be registered; empty if nothing is known.
    """

    source: str
    name: str = ""
    read: Callable[[], bytes | NewFace] = _nothing
    photo: str = ""
    version: str = ""
    region: Region | None = None
    labels: Mapping[str, str] | None = None
    retain_until: str | None = None
    problem: str = ""
