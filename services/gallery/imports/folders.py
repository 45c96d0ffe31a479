"""Finds photos in folders that have one folder per person."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from core.files import open_beneath
from core.images.decoding import ImagePolicy, read_limited
from core.images.folder import PhotoLister
from services.gallery.imports.entries import Entry, Unusable

_TRAINING = "train"  # where Double Take keeps its photos, below its storage


def read_photo(folder: Path, policy: ImagePolicy, name: str) -> bytes:
    """The content of a photo below `folder`.

    Raises:
        OSError, OutsideRoot: as `open_beneath`.
        Unusable: the name has a NUL.
        ImageTooLarge: as `read_limited`.
    """
    if "\0" in name:
        raise Unusable("unreadable")
    with open_beneath(folder, name) as file:
        return read_limited(file, policy)


def people_of(folder: Path, skip: Sequence[str], policy: ImagePolicy) -> Iterator[Entry]:
    """Every photo below `folder`, for the person named like its first folder.

    A photo outside a person's folder has no name. Problems are those of `PhotoLister.photos`.

    Raises:
        OSError: the folder cannot be read.
    """
    for file in PhotoLister(skip).photos(folder):
        person, _, below = file.name.partition("/")
        yield Entry(
            source=file.name,
            name=person if below else "",
            read=partial(read_photo, folder, policy, file.name),
            problem=file.problem,
        )


def double_take_of(folder: Path, skip: Sequence[str], policy: ImagePolicy) -> Iterator[Entry]:
    """As `people_of`, for the photos that Double Take trains with; `folder` is its storage, or `train` in it.

    Raises:
        OSError: the folder cannot be read.
    """
    training = folder / _TRAINING
    return people_of(training if training.is_dir() else folder, skip, policy)
