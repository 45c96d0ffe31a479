"""Keeps the indexes of the photo folder up to date in the background, and provides the last complete index."""

import logging
from collections.abc import Callable, Collection, Iterable
from functools import partial

from core.exceptions import IndexBuilding
from core.images.folder import PhotoLister
from services.deepface.interface import EmbeddingSpace, Engine
from services.find.build import Build
from services.find.deepface_import.index_rows import RecordedFace, match_rows
from services.find.folder_watch import FolderWatch
from services.find.index import FolderIndex, IndexKey
from services.find.index_state import IndexState, is_empty_at_once
from services.find.index_update import IndexUpdate
from services.find.photo_list import Photos
from services.find.photos import PhotoEmbedder
from services.find.policy import IndexPolicy
from services.find.scheduler import BuildScheduler
from services.find.store import FolderIndexStore, StoredIndex

logger = logging.getLogger(__name__)


class FolderIndexer:
    """Builds and updates the indexes of one folder. Each build uses all lanes."""

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
        policy: IndexPolicy | None = None,
        lister: PhotoLister | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._watch = FolderWatch(folder, refresh_s=refresh_s, lister=lister)
        make_build = partial(
            Build, engine=engine, store=store, embedder=embedder, watch=self._watch, lanes=lanes, batch_size=batch_size
        )
        self._policy = policy or IndexPolicy()
        self._scheduler = BuildScheduler(store, make_build, self._policy)

    def key(self, detector: str, space: EmbeddingSpace) -> IndexKey:
        """The key of the folder's index for this detector and embedding space.

        Raises:
            ModelUnavailable: as `Engine.load`.
        """
        weights = self._engine.fingerprint([detector, space.model])
        return IndexKey(folder=self._folder, detector=detector, space=space, weights=weights)

    def require_allowed(self, key: IndexKey, given: Collection[str] = ()) -> None:
        """Return if a request with the `given` options may use the index of `key`: it exists, or requests may build it.

        Raises:
            ValidationFailed: FIND_SPACES does not allow the index. The details name each option that differs.
        """
        if not (self._policy.allows(key) or self._scheduler.is_permanent(key) or self._scheduler.has(key)):
            raise self._policy.refusal(key, given)

    def keep(self, key: IndexKey) -> None:
        """Keep the index of `key`, which need not exist yet, however many indexes requests build."""
        try:
            self._store.keep(key)
        except OSError as error:  # nor will the index be saved
            logger.error("folder index not kept: %s", error.strerror)

    def is_permanent(self, key: IndexKey) -> bool:
        """Whether the index is the default one, or `keep` was called for it."""
        return self._scheduler.is_permanent(key)

    def current(
        self, key: IndexKey, *, wait_for_changes: bool, progress: Callable[[int, int], None] | None = None
    ) -> tuple[FolderIndex, int]:
        """The index of `key`, and the number of changed photos that it does not reflect yet.

        Changes start a build in the background. The call waits only for the first build, or with `wait_for_changes`,
        and at most until the request's deadline. `progress` is called at intervals with the numbers of done photos and
        of all photos. Photos that fail for a temporary reason stay pending. While the folder shows no photos, all
        photos stay pending.

        Raises:
            FolderNotFound: the folder does not exist.
            IndexBuilding: no complete (with `wait_for_changes`: no fresh) index was ready in time, or too many indexes
                are requested at once.
            ServiceUnavailable: the folder cannot be read.
            ServiceError: the build failed; this is the error of the engine.
        """
        photos = self._watch.photos(fresh=wait_for_changes)
        state = self._scheduler.state(key)
        with state.changed:
            started = False  # an earlier build may not include these photos
            while not started and (state.index is None or (wait_for_changes and self._todo(key, state, photos))):
                started = self._scheduler.start(key, state, photos)
                state.wait(progress)
            if not started and self._todo(key, state, photos) > state.delayed():
                self._scheduler.start(key, state, photos)
            pending = state.pending(photos)
            assert state.index is not None  # a build leaves an index, or fails and `wait` raises
            return state.index, pending

    def adopt(self, key: IndexKey, rows: Iterable[RecordedFace]) -> tuple[int, int]:
        """Add photos from `rows` of a DeepFace index to the stored index of `key`, if they are missing there.

        Returns the number of added photos, and the number of photos still to embed. If `rows` raises, nothing changes.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
            IndexBuilding: the index is being built. Nothing changes.
            OSError: the index could not be saved.
        """
        with self._store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            photos = self._watch.photos(fresh=True)
            index = self._store.load(key) or FolderIndex.empty()
            update = IndexUpdate(index, photos, self._store.load(key, draft=True))
            taken = match_rows(key, update.missing(), rows)
            update.added |= taken
            if update.added:
                self._store.save(key, update.result())
        return len(taken), len(update.missing())

    def prune(self) -> int:
        """Remove photos that are not in the folder from all stored indexes, and return their number.

        This works even if the folder shows no photos. Other processes use the changed indexes from their next request.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
            IndexBuilding: an index is being built. Later indexes are not pruned.
            OSError: an index could not be saved.
        """
        there = set(self._watch.photos(fresh=True).names())
        return sum(self._prune(index.key, there) for index in self._stored())

    def left_out(self) -> dict[str, str]:
        """The files and folders that the last look at the folder left out, each with the reason."""
        return self._watch.left_out

    def load(self, key: IndexKey) -> FolderIndex | None:
        """The stored index of `key`; None if there is no usable one."""
        return self._store.load(key)

    def states(self) -> tuple[dict[IndexKey, IndexState], list[StoredIndex], Photos]:
        """The indexes in use, the indexes in the store, and the photos. An index may be in both lists.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
        """
        photos = self._watch.photos()
        return self._scheduler.states(), self._stored(), photos

    def _stored(self) -> list[StoredIndex]:
        return [index for index in self._store.stored() if index.key.folder == self._folder]

    def _prune(self, key: IndexKey, there: set[str]) -> int:
        """Remove all photos that are not `there` from one index, and return their number."""
        with self._store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            index = self._store.load(key) or FolderIndex.empty()
            left = Photos.of((name, signature) for name, signature in index.photos.items() if name in there)
            if len(left) < len(index.photos):
                self._store.save(key, index.updated(left, {}))
            return len(index.photos) - len(left)

    def _todo(self, key: IndexKey, state: IndexState, photos: Photos) -> int:
        """The number of photos that a build must process. The caller holds `state.changed`.

        If the folder shows no photos any more, the index stays until it is pruned, without photos that are skipped.
        """
        kept = is_empty_at_once(state.index, photos) and state.version == self._store.version(key)
        if kept and not state.is_kept:
            logger.warning(
                "photo folder is empty; its last index keeps answering. Mount its disk or run: face-service index prune"
            )
        state.is_kept = kept
        return state.skipped(self._watch.skips) if kept else state.pending(photos)
