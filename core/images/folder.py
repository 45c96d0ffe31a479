"""Lists the photos in a folder, and says which files and folders are skipped."""

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from core.files import FoundFile, OutsideRoot, list_files, open_beneath
from core.images.header import ACCEPTED, image_format

# Names that end so are photos. Other files are photos if their first bytes are those of an image.
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".gif", ".bmp"}
)

# Formats whose signature is long enough to tell an image from a text that begins by chance like one.
_IMAGES = ACCEPTED | {"HEIC", "HEIF", "AVIF", "TIFF", "GIF", "JPEG 2000", "JPEG XL"}
_HEADER_BYTES = 32  # the longest signature has 12

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
    """Lists the photos in one folder. `skip` are further patterns, as in `SKIPPED`.

    The lister remembers which files are images, so that it reads the first bytes of a file once. It may be used by one
    thread at a time.
    """

    def __init__(self, skip: Iterable[str] = ()) -> None:
        patterns = map(fnmatch.translate, (*SKIPPED, *skip))
        self._skipped = re.compile("|".join(patterns), re.IGNORECASE)
        # By the hash of name and signature: a million names would take more memory.
        self._is_image: dict[int, bool] = {}

    def skips(self, path: str) -> bool:
        """Whether a part of this path below the folder matches a pattern."""
        return any(self._skipped.match(part) for part in path.split("/"))

    def photos(self, folder: str | Path) -> Iterator[FoundFile]:
        """The photos below `folder`; order and errors as `list_files`.

        A photo that cannot be used has a problem of `FoundFile`, or `name_not_utf8`, because no JSON answer can carry
        its name. Bytes that are not UTF-8 are then written as in `\\xff`.
        """
        known, self._is_image = self._is_image, {}
        for file in list_files(folder, self.skips):
            if file.is_folder or self._is_photo(folder, file, known):
                yield file if _is_utf8(file.name) else _escaped(file)

    def _is_photo(self, folder: str | Path, file: FoundFile, known: dict[int, bool]) -> bool:
        if os.path.splitext(file.name)[1].lower() in PHOTO_SUFFIXES:
            return True
        if file.problem:
            return False
        key = hash((file.name, file.signature))
        is_image = known.get(key)
        if is_image is None:
            try:
                with open_beneath(folder, file.name) as content:
                    is_image = image_format(content.read(_HEADER_BYTES)) in _IMAGES
            except (OSError, OutsideRoot):
                return False
        self._is_image[key] = is_image
        return is_image


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(file: FoundFile) -> FoundFile:
    return replace(file, name=os.fsencode(file.name).decode(errors="backslashreplace"), problem="name_not_utf8")
