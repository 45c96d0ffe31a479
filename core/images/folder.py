"""Lists the photos in a folder, and says which files and folders are skipped."""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.files import FoundFile, list_files

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

# Files and folders that systems make beside or instead of photos: thumbnails, snapshots and deleted photos. A deleted
# photo must not be recognized out of a recycle folder. Patterns of fnmatch for one name, in any case.
SKIPPED = (
    ".*",  # hidden: .Trash-1000, .@__thumb (QNAP), ._1.jpg (macOS), .recycle (Samba), .stversions (Syncthing)
    "@eaDir",  # Synology, as are the next ones
    "@tmp",
    "@sharesnap",
    "#recycle",
    "#snapshot",
    "@Recycle",  # QNAP, as are the next ones
    "@Recently-Snapshot",
    "@Transcode",
    "$RECYCLE.BIN",  # Windows, as are the next ones
    "RECYCLER",
    "RECYCLED",
    "System Volume Information",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "__MACOSX",  # macOS, as are the next ones
    "Network Trash Folder",
    "Temporary Items",
    "~snapshot",  # NetApp
    "lost+found",  # Linux
    "files_trashbin",  # Nextcloud
    "files_versions",
)


class PhotoLister:
    """Lists the photos in folders. `skip` are further patterns, as in `SKIPPED`."""

    def __init__(self, skip: Iterable[str] = ()) -> None:
        patterns = map(fnmatch.translate, (*SKIPPED, *skip))
        self._skipped = re.compile("|".join(patterns), re.IGNORECASE)

    def skips(self, path: str) -> bool:
        """Whether a part of this path below the folder matches a pattern."""
        return any(self._skipped.match(part) for part in path.split("/"))

    def photos(self, folder: str | Path) -> Iterator[FoundFile]:
        """The photos below `folder`; order and errors as `list_files`."""
        return list_files(folder, PHOTO_SUFFIXES, self.skips)
