"""Lists the photos in the folder, as rarely as possible."""

import logging
import threading
import time
from collections.abc import Iterator

from core.exceptions import FolderNotFound, ServiceError, ServiceUnavailable
from core.files import Signature
from core.images.folder import PhotoLister
from core.process import release_unused
from services.find.failures import FailureLog
from services.find.photo_list import Photos

logger = logging.getLogger(__name__)


# If listing the folder takes longer, it is listed in the background, so that requests do not wait.
_INLINE_S = 0.05


class FolderWatch:
    """The photos of one folder. Safe to call from several threads; one thread at a time lists the folder."""

    def __init__(self, folder: str, *, refresh_s: float, lister: PhotoLister | None = None) -> None:
        self._folder = folder
        self._lister = lister or PhotoLister()
        self._refresh_s = refresh_s
        self.failures = FailureLog()
        self.left_out: dict[str, str] = {}  # by name, why the last listing left out a file or folder
        self._photos: Photos | None = None
        self._looked_at = -float("inf")  # start of the last listing, as time.monotonic()
        self._took_s = 0.0
        self._looking = threading.Lock()
        self._background: threading.Thread | None = None
        self._starting = threading.Lock()

    def photos(self, *, fresh: bool = False) -> Photos:
        """The photos as they were at most `refresh_s` ago; with `fresh`, as they are after the start of this call.

        For a large folder, without `fresh`, the last known photos are returned and the folder is listed in the
        background.

        Raises:
            FolderNotFound: the folder does not exist.
            ServiceUnavailable: the folder cannot be read.
        """
        now = time.monotonic()
        known = self._photos
        if known is not None and not fresh:
            if now - self._looked_at < self._refresh_s:
                return known
            if self._took_s > _INLINE_S:
                self._look_in_background(now)
                return known
        return self._look(now)

    def skips(self, name: str) -> bool:
        """Whether a photo of this name is left out, although it may be in an older index."""
        return self._lister.skips(name)

    def _look(self, since: float) -> Photos:
        """The photos, from a listing that started after `since`."""
        with self._looking:
            if self._photos is not None and self._looked_at >= since:
                return self._photos
            began = time.monotonic()
            self._photos = self._listed()
            self._looked_at, self._took_s = began, time.monotonic() - began
            if self._took_s > _INLINE_S:
                release_unused()  # the listing held a second copy of the unchanged photos
            return self._photos

    def _listed(self) -> Photos:
        """The photos in the folder now; the same object as before if nothing changed."""
        known = self._photos
        try:
            left_out: dict[str, str] = {}
            found = Photos.of(self._usable(left_out))
        except OSError as error:
            self._photos = None
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise FolderNotFound from None
            raise ServiceUnavailable(f"Cannot read the photo folder: {error.strerror}. Check FACES_DB_PATH.") from error
        self.left_out = left_out
        for name, problem in left_out.items():
            self.failures.tell(name, problem)
        return known if known is not None and known.equals(found) else found

    def _usable(self, left_out: dict[str, str]) -> Iterator[tuple[str, Signature]]:
        """The photos that can be used. Others are added to `left_out` with the reason."""
        for file in self._lister.photos(self._folder):
            if file.problem:
                left_out[file.name] = file.problem
            else:
                yield file.name, file.signature

    def _look_in_background(self, now: float) -> None:
        with self._starting:
            if self._background is None or not self._background.is_alive():
                self._background = threading.Thread(
                    target=self._look_quietly, args=(now,), name="folder-watch", daemon=True
                )
                self._background.start()

    def _look_quietly(self, now: float) -> None:
        try:
            self._look(now)
        except ServiceError as error:  # the next request lists the folder itself and reports the error
            logger.warning("photo folder not readable", extra={"reason": error.message})
