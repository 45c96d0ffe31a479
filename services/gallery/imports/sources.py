"""The sources from which persons can be imported."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from core.exceptions import Conflict, PersonNotFound
from core.images.decoding import ImagePolicy
from services.faces.options import Defaults
from services.gallery.imports.compreface import compreface_database
from services.gallery.imports.compreface_api import CompreFaceApi
from services.gallery.imports.csv_file import rows_of
from services.gallery.imports.deepface import DeepFaceTables, PersonFrom, deepface_faces
from services.gallery.imports.deepstack import persons_of
from services.gallery.imports.entries import Entry
from services.gallery.imports.folders import double_take_of, people_of
from services.gallery.imports.photos import photos_of
from services.gallery.store.store import GalleryStore


class ImportSources:
    """Finds the entries of each source, for `EnrolmentService.enrol`. `skip` are patterns as of `PhotoLister`."""

    def __init__(
        self, *, defaults: Defaults, policy: ImagePolicy, store: GalleryStore, skip: Sequence[str] = ()
    ) -> None:
        self._defaults = defaults
        self._policy = policy
        self._store = store
        self._skip = skip

    def people(self, folder: Path) -> Iterable[Entry]:
        """As `people_of`."""
        return people_of(folder, self._skip, self._policy)

    def csv(self, file: Path, folder: Path) -> Iterable[Entry]:
        """As `rows_of`."""
        return rows_of(file, folder, self._policy)

    def double_take(self, folder: Path) -> Iterable[Entry]:
        """As `double_take_of`."""
        return double_take_of(folder, self._skip, self._policy)

    def photos(self, folder: Path) -> Iterable[Entry]:
        """As `photos_of`."""
        return photos_of(folder, self._skip, self._policy)

    def compreface(self, url: str, api_key: str) -> AbstractContextManager[Iterable[Entry]]:
        """As `compreface_database`."""
        return compreface_database(url, api_key, self._policy)

    def compreface_api(self, url: str, api_key: str) -> Iterable[Entry]:
        """As `CompreFaceApi.entries`."""
        return CompreFaceApi(url, api_key, self._policy).entries()

    def deepface(
        self, database: str, *, normalization: str, expand_percentage: int, person_from: PersonFrom, allows_uuids: bool
    ) -> AbstractContextManager[Iterable[Entry]]:
        """As `deepface_faces`, with the values of `DeepFaceTables`."""
        tables = DeepFaceTables(
            database=database,
            normalization=normalization,
            expand_percentage=expand_percentage,
            person_from=person_from,
            allows_uuids=allows_uuids,
        )
        return deepface_faces(tables, self._defaults)

    def deepstack(self, file: str, collection: str) -> tuple[list[str], int]:
        """The persons of DeepStack's file whom the collection lacks, and how many it has.

        Raises:
            UnreadableDatabase: as `persons_of`.
        """
        names = persons_of(file)
        missing = [name for name in names if not self._is_there(name, collection)]
        return missing, len(names) - len(missing)

    def _is_there(self, name: str, collection: str) -> bool:
        try:
            self._store.named(name, within=collection)
        except PersonNotFound:
            return False
        except Conflict:  # several persons have the name
            return True
        return True
