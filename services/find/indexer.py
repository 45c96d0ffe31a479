"""Keeps the indexes of the photo folder up to date, in the background, and answers with the last complete one."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from core.exceptions import IndexBuilding
from services.deepface.interface import EmbeddingSpace, Engine
from services.find.build import Build
from services.find.deepface_import.index_rows import RecordedFace, adopted
from services.find.folder_watch import FolderWatch
from services.find.index import FolderIndex, IndexKey
from services.find.index_state import IndexState, is_empty_at_once
from services.find.index_update import IndexUpdate
from services.find.photo_list import Photos
from services.find.photos import PhotoEmbedder
from services.find.scheduler import BuildScheduler
from services.find.store import FolderIndexStore, StoredIndex

logger = logging.getLogger(__name__)


class FolderIndexer:
    """Builds and refreshes the indexes of one folder, one after the other, each in all lanes."""

    def __init__(
        self,
        *,
        engine: Engine,
        store: FolderIndexStore,
        embedder: PhotoEmbedder,
        folder: str,
        lanes: int,
        batch_size: int,
        refresh_s: float,
    ) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._watch = FolderWatch(folder, refresh_s=refresh_s)
        make_build = partial(
            Build, engine=engine, store=store, embedder=embedder, watch=self._watch, lanes=lanes, batch_size=batch_size
        )
        self._scheduler = BuildScheduler(store, make_build)

    def key(self, detector: str, space: EmbeddingSpace) -> IndexKey:
        """The key of the folder's index for this detector and embedding space.

        Raises:
            ModelUnavailable: as `Engine.load`.
        """
        weights = self._engine.fingerprint([detector, space.model])
        return IndexKey(folder=self._folder, detector=detector, space=space, weights=weights)

    def current(
        self, key: IndexKey, *, wait_for_changes: bool, progress: Callable[[int, int], None] | None = None
    ) -> tuple[FolderIndex, int]:
        """The index of `key` and how many changed photos it does not reflect yet.

        Changes start a build in the background. Only the first build, and any with `wait_for_changes`, is waited for,
        as long as the request's deadline allows; `progress` is told from time to time how many of how many photos are
        done. Photos that fail for a reason that may pass stay pending, and so do all while the folder shows none.

        Raises:
            FolderNotFound: the folder does not exist.
            IndexBuilding: there is no complete (with `wait_for_changes`: no fresh) index within the time, or too many
                indexes are asked for at once.
            ServiceUnavailable: the folder could not be read.
            ServiceError: the build failed, as the engine said.
        """
        state = self._scheduler.state(key)
        photos = self._watch.photos(fresh=wait_for_changes)
        with state.changed:
            started = False  # a build started before may not know of these photos
            while not started and (state.index is None or (wait_for_changes and self._todo(key, state, photos))):
                started = self._scheduler.start(key, state, photos)
                state.wait(progress)
            if not started and self._todo(key, state, photos) > state.delayed():
                self._scheduler.start(key, state, photos)
            pending = state.pending(photos)
            assert state.index is not None  # a build leaves an index, or fails and `wait` raises
            return state.index, pending

    def adopt(self, key: IndexKey, rows: Iterable[RecordedFace]) -> tuple[int, int]:
        """Add what `rows`, of an index of DeepFace, has of the photos that the stored index of `key` does not have.

        Returns how many photos that were, and how many are still to be embedded.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
            IndexBuilding: the index is being built; then nothing changes, nor if `rows` raises.
            OSError: the index could not be saved.
        """
        with self._store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            photos = self._watch.photos(fresh=True)
            index = self._store.load(key) or FolderIndex.empty()
            update = IndexUpdate(index, photos, self._store.load(key, draft=True))
            taken = adopted(key, update.missing(), rows)
            update.added |= taken
            if update.added:
                self._store.save(key, update.result())
        return len(taken), len(update.missing())

    def prune(self) -> int:
        """Remove from the stored indexes the photos that the folder does not show, even if it shows none; how many.

        Other processes take the indexes up with their next request.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
            IndexBuilding: an index is being built; those after it have not been looked at.
            OSError: an index could not be saved.
        """
        there = set(self._watch.photos(fresh=True).names())
        return sum(self._prune(index.key, there) for index in self._stored())

    def states(self) -> tuple[dict[IndexKey, IndexState], list[StoredIndex], Photos]:
        """The indexes in use, those in the store (which of the folder's may be both), and the photos there are.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
        """
        photos = self._watch.photos()
        return self._scheduler.states(), self._stored(), photos

    def _stored(self) -> list[StoredIndex]:
        return [index for index in self._store.stored() if index.key.folder == self._folder]

    def _prune(self, key: IndexKey, there: set[str]) -> int:
        """Remove all photos but those `there` from one index; returns how many they were."""
        with self._store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            index = self._store.load(key) or FolderIndex.empty()
            left = Photos.of((name, signature) for name, signature in index.photos.items() if name in there)
            if len(left) < len(index.photos):
                self._store.save(key, index.updated(left, {}))
            return len(index.photos) - len(left)

    def _todo(self, key: IndexKey, state: IndexState, photos: Photos) -> int:
        """How many photos a build has to look at; the caller holds `state.changed`.

        Zero while the folder shows no photo any more: the index then stays as it is until it is pruned.
        """
        kept = is_empty_at_once(state.index, photos) and state.version == self._store.version(key)
        if kept and not state.is_kept:
            logger.warning("the photo folder shows no photo any more; its last index goes on answering")
        state.is_kept = kept
        return 0 if kept else state.pending(photos)
