"""What a use-case may ask of the places where embeddings are kept."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.engine.base import EmbeddingSpace

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKey:
    """Which index: of which folder (absolute path), found by which detector, embedded in which space."""

    folder: str
    detector: str
    space: EmbeddingSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFaces:
    """The faces of one photo as it was when its `signature` was taken; a photo may have none.

    `boxes` is int32 of shape (n, 4): x, y, w, h in pixels; `embeddings` is float32 of shape (n, dimension).
    """

    signature: Signature
    boxes: npt.NDArray[np.int32]
    embeddings: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderIndex:
    """Every photo of a folder and every face in them, one row a face, ordered by photo name.

    `photos` maps the name (the path below the folder) to the signature of what was embedded. `names`, `boxes` (int32,
    (n, 4)) and `embeddings` (float32, (n, dimension)) are the rows.
    """

    photos: dict[str, Signature]
    names: list[str]
    boxes: npt.NDArray[np.int32]
    embeddings: npt.NDArray[np.float32]

    @classmethod
    def empty(cls) -> "FolderIndex":
        """The index of a folder without photos."""
        return cls(photos={}, names=[], boxes=np.empty((0, 4), np.int32), embeddings=np.empty((0, 0), np.float32))

    def changed(self, *, removed: set[str], added: dict[str, PhotoFaces]) -> "FolderIndex":
        """This index less the photos `removed` and with those `added`, which may replace removed ones."""
        kept = [row for row, name in enumerate(self.names) if name not in removed and name not in added]
        with_faces = {name: photo for name, photo in added.items() if len(photo.boxes)}
        names = [self.names[row] for row in kept]
        names += [name for name, photo in with_faces.items() for _ in photo.boxes]
        order = sorted(range(len(names)), key=names.__getitem__)
        parts = list(with_faces.values())
        photos = {name: signature for name, signature in self.photos.items() if name not in removed}
        if not names:
            return FolderIndex(
                photos=photos | {name: photo.signature for name, photo in added.items()},
                names=[],
                boxes=np.empty((0, 4), np.int32),
                embeddings=np.empty((0, 0), np.float32),
            )
        old_boxes, old_embeddings = ([self.boxes[kept]], [self.embeddings[kept]]) if kept else ([], [])
        return FolderIndex(
            photos=photos | {name: photo.signature for name, photo in added.items()},
            names=[names[row] for row in order],
            boxes=np.concatenate([*old_boxes, *(part.boxes for part in parts)])[order],
            embeddings=np.concatenate([*old_embeddings, *(part.embeddings for part in parts)])[order],
        )


class FolderIndexStore(ABC):
    """Keeps folder indexes. Safe to call from several threads; the last `save` of a key wins."""

    @abstractmethod
    def ping(self) -> None:
        """Return if the store can be written to.

        Raises:
            OSError: it cannot.
        """

    @abstractmethod
    def load(self, key: IndexKey) -> FolderIndex | None:
        """The index as last saved; None if there is none, or it is damaged or of another format."""

    @abstractmethod
    def save(self, key: IndexKey, index: FolderIndex) -> None:
        """Keep `index`; when this returns it survives a crash, and before that the one saved earlier does.

        Raises:
            OSError: it could not be written.
        """
