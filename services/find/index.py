"""The index of a photo folder: its photos, and their faces with embeddings."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress, pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from core.files import Signature
from services.deepface.interface import EmbeddingSpace
from services.find.photo_list import PIECE_ROWS, Photos

Floats = npt.NDArray[np.float32]
Boxes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Numbers = TypeVar("Numbers", npt.NDArray[np.uint8], npt.NDArray[np.intp])  # one per photo
Rows = TypeVar("Rows", Floats, Boxes)  # one per face

# Why a photo has no faces in the index. `FolderIndex.problems` holds positions in the tuple, also in files, so that new
# reasons are appended.
NO_FACE, UNSUPPORTED_FORMAT, UNREADABLE = "no_face_detected", "unsupported_format", "unreadable"
PROBLEMS = ("", NO_FACE, "image_decode_error", "image_too_large", UNSUPPORTED_FORMAT, UNREADABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKey:
    """Identifies an index by its folder (absolute path), detector and embedding space.

    `weights` is `Engine.fingerprint` of detector and model. An index with other weights is not used.
    """

    folder: str
    detector: str
    space: EmbeddingSpace
    weights: str

    @property
    def name(self) -> str:
        """The name of the index for people, as in FIND_SPACES; see `index_name`."""
        return index_name(self.detector, self.space)


def index_name(detector: str, space: EmbeddingSpace) -> str:
    """The options of an index in one text: model/detector/alignment/detection/normalization/expand_percentage."""
    parts = (space.model, detector, space.alignment, space.detection, space.normalization, space.expand_percentage)
    return "/".join(map(str, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFaces:
    """The faces of one photo at the time of its `signature`. A photo without faces has a `problem`.

    `boxes` is int32 of shape (n, 4): x, y, w, h in pixels. `embeddings` is float32 of shape (n, dimension).
    """

    signature: Signature
    boxes: Boxes
    embeddings: Floats
    problem: str = ""


@dataclass(frozen=True, eq=False)
class FolderIndex:
    """Every photo of a folder and every face in them: one row per face, in the order of the photos.

    One entry per photo: `problems`, uint8, positions in `PROBLEMS`. One entry per row: `photo_of_row`, int32; `boxes`,
    int32 of shape (n, 4); `embeddings`, float32 of shape (n, dimension).
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
        """The Euclidean length of each embedding, float32 of shape (n,)."""
        squares = np.einsum("ij,ij->i", self.embeddings, self.embeddings, dtype=np.float64)
        return np.asarray(np.sqrt(squares), np.float32)

    def name(self, row: int) -> str:
        """The name of the photo with the face of a row."""
        return self.photos.name(self.photo_of_row[row])

    def failed(self) -> dict[str, int]:
        """The number of photos by problem, without problems that no photo has."""
        counts = np.bincount(self.problems, minlength=len(PROBLEMS)).tolist()
        return {problem: count for problem, count in zip(PROBLEMS, counts, strict=True) if problem and count}

    def failures(self) -> Iterator[tuple[str, str]]:
        """The names of the photos without faces, each with its problem. Those that only show no face come last."""
        for is_last in (False, True):
            for photo in np.flatnonzero(self.problems).tolist():
                problem = PROBLEMS[self.problems[photo]]
                if (problem == NO_FACE) is is_last:
                    yield self.photos.name(photo), problem

    def without_failures(self) -> "FolderIndex":
        """The index without the photos that could not be read, so that they are tried again."""
        readable = (self.problems <= PROBLEMS.index(NO_FACE)).tolist()
        if all(readable):
            return self
        return self.updated(Photos.of(compress(self.photos.items(), readable)), {})

    def updated(self, photos: Photos, added: Mapping[str, PhotoFaces]) -> "FolderIndex":
        """The index of `photos`: the photos in `added`, and those here with the same signature. Others are left out.

        Photos and rows are in the order of the names, so the photos that stay keep their order. For example, the photos
        a, b and c have 1, 2 and 1 faces. Then b changes, aa is new, and both are in `added`:

            photos before   a b c         stays    yes no yes
            photos now      a aa b c      is_new   no yes yes no
            rows before     a b b c       kept     0 3
            rows now        a aa b b c    places   0 4 for the kept rows, 1 2 3 for the new rows
        """
        changed = {name for name, _ in self.photos.changes(photos)}
        now = _known(photos, added, changed)
        stays = _mask(name not in changed and name not in added for name in self.photos.names())
        is_new = _mask(name in added for name in now.names())
        new = [added[name] for name in now.names() if name in added]

        face_counts = _merged(is_new, self._face_counts()[stays], [len(faces.boxes) for faces in new])
        photo_of_row = np.repeat(np.arange(len(now), dtype=np.int32), face_counts)
        kept = np.flatnonzero(stays[self.photo_of_row])
        places = np.argsort(is_new[photo_of_row], kind="stable")
        with_faces = [faces for faces in new if len(faces.boxes)]
        return FolderIndex(
            photos=photos if now.equals(photos) else now,
            problems=_merged(is_new, self.problems[stays], [PROBLEMS.index(faces.problem) for faces in new]),
            photo_of_row=photo_of_row,
            boxes=_placed(places, self.boxes, kept, [faces.boxes for faces in with_faces]),
            embeddings=_placed(places, self.embeddings, kept, [faces.embeddings for faces in with_faces]),
        )

    def by_photo(self) -> dict[str, PhotoFaces]:
        """Each photo with its faces."""
        ends = np.cumsum(self._face_counts()).tolist()
        photos = zip(self.photos.items(), self.problems.tolist(), pairwise([0, *ends]), strict=True)
        return {
            name: PhotoFaces(
                signature=signature,
                boxes=self.boxes[start:end],
                embeddings=self.embeddings[start:end],
                problem=PROBLEMS[problem],
            )
            for (name, signature), problem, (start, end) in photos
        }

    def _face_counts(self) -> npt.NDArray[np.intp]:
        """The number of faces of each photo."""
        return np.bincount(self.photo_of_row, minlength=len(self.photos))


def _known(photos: Photos, added: Mapping[str, PhotoFaces], changed: Container[str]) -> Photos:
    """The `photos` that are `added`, with the signature they have there, or that are not `changed`."""
    return Photos.of(
        (name, added[name].signature if name in added else signature)
        for name, signature in photos.items()
        if name in added or name not in changed
    )


def _mask(marks: Iterable[bool]) -> Mask:
    return np.fromiter(marks, np.bool_)


def _merged(is_new: Mask, kept: Numbers, new: list[int]) -> Numbers:
    """One number per photo: from `new` if the photo `is_new`, else from `kept`."""
    merged = np.empty(len(is_new), kept.dtype)
    merged[~is_new] = kept
    merged[is_new] = new
    return merged


def _placed(places: npt.NDArray[np.intp], old: Rows, kept: npt.NDArray[np.intp], new: list[Rows]) -> Rows:
    """The `kept` rows of `old`, then the rows of `new`, each at its place. Copied in pieces to save memory."""
    like: Rows = new[0] if new else old
    rows = np.empty((len(places), *like.shape[1:]), like.dtype)
    start = 0
    for piece in chain((old[kept[at : at + PIECE_ROWS]] for at in range(0, len(kept), PIECE_ROWS)), new):
        rows[places[start : start + len(piece)]] = piece
        start += len(piece)
    return rows
