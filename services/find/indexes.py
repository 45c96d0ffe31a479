"""The use case of managing the indexes of the photo folder: list, build, prune, encrypt and import."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from core.exceptions import ServiceUnavailable
from schemas.common import EmbeddingOptions
from schemas.find import FailedPhoto, IndexesQuery, IndexesResponse, IndexStatus
from services.faces.options import Defaults
from services.find.deepface_import.index_rows import deepface_way, pickle_options
from services.find.deepface_import.pickles import UnreadablePickle, recorded_faces
from services.find.index import FolderIndex, IndexKey
from services.find.index_state import IndexState, is_empty_at_once
from services.find.indexer import FolderIndexer
from services.find.photo_files import NO_FOLDER
from services.find.photo_list import Photos
from services.find.store import FolderIndexStore, StoredIndex
from services.models.catalogue import catalogue

_MAX_FAILURES = 1000  # of one index in an answer


class IndexService:
    """Lists and manages the indexes of the photo folder."""

    def __init__(self, *, indexer: FolderIndexer, store: FolderIndexStore, defaults: Defaults, folder: str) -> None:
        self._indexer = indexer
        self._store = store
        self._defaults = defaults
        self._folder = folder

    def overview(self, query: IndexesQuery) -> IndexesResponse:
        """Every index of the folder, in use or stored. Indexes in use come first.

        With `failed`, each index lists at most 1000 of its failures.

        Raises:
            ServiceUnavailable: no folder is configured, or the folder cannot be read.
            FolderNotFound: the folder does not exist.
        """
        self._require_folder()
        used, stored, photos = self._indexer.states()
        on_disk = {index.key: index for index in stored}
        limit = _MAX_FAILURES if query.failed else 0
        statuses = [self._of_state(key, state, on_disk.pop(key, None), photos, limit) for key, state in used.items()]
        return IndexesResponse(indexes=statuses + [self._of_file(index, limit) for index in on_disk.values()])

    def build(
        self, options: EmbeddingOptions, progress: Callable[[int, int], None], *, report: bool = False
    ) -> IndexStatus:
        """Update and save the index for these options, and keep it permanently.

        `progress` gets the numbers of done photos and of all photos. With `report`, the status lists all failures.

        Raises:
            As `FolderIndexer.current`.
        """
        self._require_folder()
        key = self._key(options)
        self._indexer.keep(key)
        self._indexer.current(key, wait_for_changes=True, progress=progress)
        used, stored, photos = self._indexer.states()
        file = next((index for index in stored if index.key == key), None)
        return self._of_state(key, used[key], file, photos, sys.maxsize if report else 0)

    def reencrypt(self) -> int:
        """Encrypt every index with the first key, and return the number of failures."""
        return self._store.reencrypt()

    def prune(self) -> int:
        """Remove photos that are not in the folder from all indexes, and return their number.

        Raises:
            As `FolderIndexer.prune`.
        """
        self._require_folder()
        return self._indexer.prune()

    def import_pickle(self, path: Path, options: Mapping[str, Any]) -> tuple[int, int]:
        """Import the unchanged photos of DeepFace's pickled index, and keep the index permanently.

        The file name tells how the index was made. `options` (fields of `EmbeddingOptions`, or None) adds what the name
        leaves open. Returns the number of imported photos, and the number of photos still to embed.

        Raises:
            UnreadablePickle: the file is not such an index, the name contradicts the options, or neither names model
                and detector.
            OSError: the file cannot be read, or the index cannot be written.
            Others as `FolderIndexer.adopt` and `FolderIndexer.key`.
        """
        self._require_folder()
        said = pickle_options(path.name)
        given = {name: value for name, value in options.items() if value is not None}
        for name, value in given.items():
            if said.get(name, value) != value:
                raise UnreadablePickle(f"By its name, the file has {name} {said[name]}, not {value}. Omit the option.")
        made = said | given
        if not made.keys() >= {"model_name", "detector_backend"}:
            raise UnreadablePickle("The file name does not name model and detector. Give both as options.")
        try:
            key = self._key(deepface_way(made))
        except ValidationError as error:
            raise UnreadablePickle(
                f"The service has no such {error.errors()[0]['loc'][0]}. Check the file name and the options."
            ) from None
        dimension = catalogue.find(key.space.model).dim
        assert dimension is not None
        counts = self._indexer.adopt(key, recorded_faces(path, dimension))
        self._indexer.keep(key)
        return counts

    def _key(self, options: EmbeddingOptions) -> IndexKey:
        plan = self._defaults.embedding_plan(options)
        return self._indexer.key(plan.detection.detector, plan.space)

    def _require_folder(self) -> None:
        if not self._folder:
            raise ServiceUnavailable(NO_FOLDER)

    def _of_state(
        self, key: IndexKey, state: IndexState, file: StoredIndex | None, photos: Photos, max_failures: int
    ) -> IndexStatus:
        left_out = self._indexer.left_out()
        with state.changed:
            index = state.index
            retry = {name: reason for name, (reason, _) in state.retry.items()}
            failed = Counter([*left_out.values(), *retry.values()])
            failed.update({} if index is None else index.failed())
            return IndexStatus(
                **self._options(key),
                state=_named(state, photos),
                photos=0 if index is None else len(index.photos),
                faces=0 if index is None else len(index.boxes),
                pending=state.pending(photos),
                done=state.done if state.building else None,
                total=state.total if state.building else None,
                failed=dict(failed),
                failures=_failures(left_out | retry, index, max_failures),
                **_file(file),
            )

    def _of_file(self, file: StoredIndex, max_failures: int) -> IndexStatus:
        left_out = self._indexer.left_out()
        index = self._indexer.load(file.key) if max_failures else None
        failed = Counter(left_out.values()) + Counter(file.failed)
        counts = {"photos": file.photos, "faces": file.faces, "failed": dict(failed)}
        failures = _failures(left_out, index, max_failures)
        return IndexStatus(**self._options(file.key), state="stored", failures=failures, **counts, **_file(file))

    def _options(self, key: IndexKey) -> dict[str, Any]:
        permanent = self._indexer.is_permanent(key)
        return {"name": key.name, **asdict(key.space), "detector_backend": key.detector, "permanent": permanent}


def _failures(others: Mapping[str, str], index: FolderIndex | None, limit: int) -> list[FailedPhoto] | None:
    """The failures in `others` and then in the index, at most `limit`; None if the limit is 0."""
    if not limit:
        return None
    in_index = index.failures() if index is not None else ()
    found = chain(sorted(others.items()), in_index)
    return [FailedPhoto(photo=name, reason=reason) for name, reason in islice(found, limit)]


def _named(state: IndexState, photos: Photos) -> Literal["building", "failed", "kept", "ready"]:
    if state.building:
        return "building"
    if state.failure is not None:
        return "failed"
    return "kept" if is_empty_at_once(state.index, photos) else "ready"


def _file(file: StoredIndex | None) -> dict[str, Any]:
    return {} if file is None else {"bytes": file.bytes, "age_s": round(max(0.0, time.time() - file.saved_at), 1)}
