"""What a use-case may ask of the places where embeddings are kept."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from core.files import Signature
from services.deepface.interface import EmbeddingSpace

Floats = npt.NDArray[np.float32]
Boxes = npt.NDArray[np.int32]

# Why a photo has no faces in the index, by error code; a photo's `problem` is a position in here.
PROBLEMS = ("", "no_face_detected", "image_decode_error")

_PIECE = 1024  # rows at a time, where all of them would need as much memory again


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKey:
    """Which index: of which folder (absolute path), found by which detector, embedded in which space.

    `weights` is `Engine.fingerprint` of detector and model; an index made with others is none.
    """

    folder: str
    detector: str
    space: EmbeddingSpace
    weights: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFaces:
    """The faces of one photo as it was when its `signature` was taken; one without faces has a problem.

    `boxes` is int32 of shape (n, 4): x, y, w, h in pixels; `embeddings` is float32 of shape (n, dimension).
    """

    signature: Signature
    boxes: Boxes
    embeddings: Floats
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of a folder and what changes when they do, ordered by name; packed, for there may be a million.

    `text` is all names in UTF-8, one after the other, `ends` (int64) where each of them ends, and `signatures` int64 of
    shape (n, 3).
    """

    text: bytes
    ends: npt.NDArray[np.int64]
    signatures: npt.NDArray[np.int64]

    @classmethod
    def of(cls, photos: Iterable[tuple[str, Signature]]) -> "Photos":
        """These photos, in any order; a name is the path below the folder."""
        names: list[bytes] = []
        signatures = array("q")  # as many small objects would leave holes in the process's memory
        for name, signature in photos:
            names.append(name.encode())
            signatures.extend(signature)
        order = sorted(range(len(names)), key=names.__getitem__)
        names.sort()
        return cls(
            text=b"".join(names),
            ends=np.cumsum([len(name) for name in names], dtype=np.int64),
            signatures=np.array(signatures, np.int64).reshape(-1, 3)[order],
        )

    def __len__(self) -> int:
        return len(self.ends)

    def name(self, photo: int) -> str:
        """The name at a position."""
        start = self.ends[photo - 1] if photo else 0
        return self.text[start : self.ends[photo]].decode()

    def names(self) -> Iterator[str]:
        """Every name."""
        return (self.text[start:end].decode() for start, end in pairwise([0, *self.ends.tolist()]))

    def items(self) -> Iterator[tuple[str, Signature]]:
        """Names and signatures."""
        signatures = (
            (size, mtime, ctime)
            for start in range(0, len(self), _PIECE)
            for size, mtime, ctime in self.signatures[start : start + _PIECE].tolist()
        )
        return zip(self.names(), signatures, strict=True)

    def changes(self, now: "Photos") -> Iterator[tuple[str, Signature | None]]:
        """What was added, changed or removed from here to `now`: the names, and their signatures now."""
        if self.equals(now):
            return
        both = merge(
            ((name, 0, signature) for name, signature in self.items()),
            ((name, 1, signature) for name, signature in now.items()),
        )
        for name, group in groupby(both, key=itemgetter(0)):
            signatures = {which: signature for _, which, signature in group}
            if signatures.get(0) != signatures.get(1):
                yield name, signatures.get(1)

    def equals(self, other: "Photos") -> bool:
        """Whether these are the same photos, unchanged."""
        return self is other or (self.text == other.text and np.array_equal(self.signatures, other.signatures))


@dataclass(frozen=True, eq=False)
class FolderIndex:
    """Every photo of a folder, and every face in them, one row a face, in the order of the photos.

    Of the photos: `problems`, uint8, positions in `PROBLEMS`. Of the rows: `photo_of_row`, int32; `boxes`, int32 of
    shape (n, 4); `embeddings`, float32 of shape (n, dimension).
    """

    photos: Photos
    problems: npt.NDArray[np.uint8]
    photo_of_row: npt.NDArray[np.int32]
    boxes: Boxes
    embeddings: Floats

    @classmethod
    def empty(cls) -> "FolderIndex":
        """The index of a folder without photos."""
        return cls(
            photos=Photos.of(()),
            problems=np.empty(0, np.uint8),
            photo_of_row=np.empty(0, np.int32),
            boxes=np.empty((0, 4), np.int32),
            embeddings=np.empty((0, 0), np.float32),
        )

    @cached_property
    def lengths(self) -> Floats:
        """The Euclidean length of each embedding; float32 of shape (n,)."""
        squares = np.einsum("ij,ij->i", self.embeddings, self.embeddings, dtype=np.float64)
        return np.asarray(np.sqrt(squares), np.float32)

    def name(self, row: int) -> str:
        """The name of the photo that the face of a row is in."""
        return self.photos.name(self.photo_of_row[row])

    def failed(self) -> dict[str, int]:
        """How many photos have which problem."""
        counts = np.bincount(self.problems, minlength=len(PROBLEMS)).tolist()
        return {problem: count for problem, count in zip(PROBLEMS, counts, strict=True) if problem and count}

    def updated(self, photos: Photos, added: Mapping[str, PhotoFaces]) -> "FolderIndex":
        """The index of `photos`: what is `added`, and what here has the same signature. The rest is left out."""
        changed = {name for name, _ in self.photos.changes(photos)}
        here = Photos.of(
            (name, added[name].signature if name in added else signature)
            for name, signature in photos.items()
            if name in added or name not in changed
        )
        # Both are in the order of the names, so what stays is in the same order in both.
        stays = np.fromiter((name not in changed and name not in added for name in self.photos.names()), np.bool_)
        is_new = np.fromiter((name in added for name in here.names()), np.bool_)
        new = [added[name] for name in here.names() if name in added]
        problems = np.empty(len(here), np.uint8)
        problems[~is_new] = self.problems[stays]
        problems[is_new] = [PROBLEMS.index(faces.problem) for faces in new]

        now_at = np.empty(len(self.photos), np.int32)
        now_at[stays] = np.flatnonzero(~is_new)
        kept = np.flatnonzero(stays[self.photo_of_row])
        new_rows = np.repeat(np.flatnonzero(is_new), np.array([len(faces.boxes) for faces in new], np.intp))
        photo_of_row = np.concatenate([now_at[self.photo_of_row[kept]], new_rows], dtype=np.int32, casting="same_kind")
        order = np.argsort(photo_of_row, kind="stable")
        return FolderIndex(
            photos=photos if here.equals(photos) else here,
            problems=problems,
            photo_of_row=photo_of_row[order],
            boxes=_ordered(order, self.boxes, kept, [faces.boxes for faces in new if len(faces.boxes)]),
            embeddings=_ordered(order, self.embeddings, kept, [faces.embeddings for faces in new if len(faces.boxes)]),
        )

    def by_photo(self) -> dict[str, PhotoFaces]:
        """Each photo with its faces."""
        ends = np.searchsorted(self.photo_of_row, np.arange(len(self.photos)), side="right").tolist()
        return {
            name: PhotoFaces(
                signature=signature,
                boxes=self.boxes[start:end],
                embeddings=self.embeddings[start:end],
                problem=PROBLEMS[self.problems[number]],
            )
            for number, ((name, signature), start, end) in enumerate(
                zip(self.photos.items(), [0, *ends], ends, strict=False)
            )
        }


Rows = TypeVar("Rows", Floats, Boxes)


def _ordered(order: npt.NDArray[np.intp], old: Rows, kept: npt.NDArray[np.intp], new: list[Rows]) -> Rows:
    """The rows `kept` of `old` and those of `new`, in this order; piece by piece, since a matrix may be gigabytes."""
    like: Rows = new[0] if new else old
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    rows = np.empty((len(order), *like.shape[1:]), like.dtype)
    start = 0
    for piece in chain((old[kept[at : at + _PIECE]] for at in range(0, len(kept), _PIECE)), new):
        rows[place[start : start + len(piece)]] = piece
        start += len(piece)
    return rows
