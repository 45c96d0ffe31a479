"""A DATA_PATH with a gallery, and the services that back it up and restore it."""

from contextlib import closing
from pathlib import Path

from core.encryption import Keyring
from services.audit.store import AuditStore
from services.audit.trail import AuditService
from services.backup.creation import CreationService
from services.backup.restoration import RestorationService, Restored
from services.database.choice import make_database
from services.database.forget_log import ForgetLog
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore

INDEX = f"folder_index/{'0' * 32}.index"


class Place:
    """The services on the files below `folder`, as one process has them; `keys` are of GALLERY_KEY."""

    def __init__(self, folder: Path, keys: tuple[bytes, ...] = ()) -> None:
        self.folder = folder
        self.keys = keys
        self.file = folder / "gallery.db"
        self.forgets = ForgetLog(folder / "forgets.log")
        self.database = make_database(f"sqlite:///{self.file}", Keyring(keys))
        self.database.note_forgets = self.forgets.append
        self.gallery = GalleryStore(self.database, make_search(self.database))
        self.audit = AuditStore(self.database)
        self.creation = CreationService(
            database=self.database, data_path=folder, record=lambda event: self.audit.record([event])
        )
        self.restoration = RestorationService(database=self.database, data_path=folder, forgets=self.forgets)

    def restore(self, path: Path, *, reapplies: bool = True, keeps_old: bool = False) -> Restored:
        """Restore a backup, as the command does by default."""
        return self.restoration.restore(path, reapplies=reapplies, keeps_old=keeps_old)

    def names(self) -> list[str]:
        """The names of all persons."""
        page = self.gallery.persons(collection=None, name="", labels={}, cursor=None, limit=10_000)
        return sorted(person.name for person in page.persons)

    def write(self, name: str, content: bytes) -> None:
        """Write another file of DATA_PATH."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)

    def seal(self) -> None:
        """Seal all events."""
        while self.audit.seal(limit=500):
            pass

    def verified(self, expect: str | None = None) -> tuple[bool, list[str]]:
        """Whether the audit trail is whole, and what is said about its batches."""
        said: list[str] = []
        return AuditService(store=self.audit).verify(expect=expect, report=said.append).is_whole, said


def names_in(backup: Path, folder: Path, keys: tuple[bytes, ...] = ()) -> list[str]:
    """The names of all persons in a backup, which is restored to an empty folder."""
    place = Place(folder, keys)
    with closing(place.database):
        place.restore(backup)
        return place.names()
