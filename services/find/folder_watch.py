"""What is in the photo folder, looked up as rarely as may be."""

import logging
import threading
import time

from core.exceptions import FolderNotFound, ServiceError, ServiceUnavailable
from core.files import list_files
from core.images.sources import PHOTO_SUFFIXES
from core.process import release_unused
from services.find.photo_list import Photos

logger = logging.getLogger(__name__)


# A folder that takes longer to look through is looked through behind the requests' backs.
_INLINE_S = 0.05


class FolderWatch:
    """The photos of one folder. Safe to call from several threads; one at a time looks."""

    def __init__(self, folder: str, *, refresh_s: float) -> None:
        self._folder = folder
        self._refresh_s = refresh_s
        self._photos: Photos | None = None
        self._looked_at = -float("inf")  # when the last look began, of time.monotonic()
        self._took_s = 0.0
        self._looking = threading.Lock()
        self._background: threading.Thread | None = None
        self._starting = threading.Lock()

    def photos(self, *, fresh: bool = False) -> Photos:
        """The photos as they were at most `refresh_s` ago; with `fresh`, as they are after this call began.

        In a folder too large for that to be quick, it is what was known last, and others look meanwhile.

        Raises:
            FolderNotFound: the folder does not exist.
            ServiceUnavailable: it could not be read.
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

    def _look(self, since: float) -> Photos:
        """The photos, by a look that began after `since`."""
        with self._looking:
            if self._photos is not None and self._looked_at >= since:
                return self._photos
            began = time.monotonic()
            self._photos = self._listed()
            self._looked_at, self._took_s = began, time.monotonic() - began
            if self._took_s > _INLINE_S:
                release_unused()  # what has not changed was known twice meanwhile
            return self._photos

    def _listed(self) -> Photos:
        """The photos there are; those known so far, if nothing changed."""
        known = self._photos
        try:
            found = Photos.of((file.name, file.signature) for file in list_files(self._folder, PHOTO_SUFFIXES))
        except OSError as error:
            self._photos = None
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise FolderNotFound from None
            raise ServiceUnavailable(f"The photo folder could not be read: {error.strerror}.") from error
        return known if known is not None and known.equals(found) else found

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
        except ServiceError as error:  # the next request looks itself and says so
            logger.warning("the photo folder could not be read", extra={"reason": error.message})
