"""What a use-case may ask of the places where embeddings are kept."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.engine.base import EmbeddingSpace

Signature = tuple[int, int, int]


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
        photos = {name: signature for name, signature in self.photos.items() if name not in removed}
        photos |= {name: photo.signature for name, photo in added.items()}
        kept = [row for row, name in enumerate(self.names) if name not in removed and name not in added]
        names = [self.names[row] for row in kept]
        boxes = [self.boxes[kept]] if kept else []
        embeddings = [self.embeddings[kept]] if kept else []
        for name, photo in added.items():
            if len(photo.boxes):
                names += [name] * len(photo.boxes)
                boxes.append(photo.boxes)
                embeddings.append(photo.embeddings)
        if not names:
            return replace(FolderIndex.empty(), photos=photos)
        order = sorted(range(len(names)), key=names.__getitem__)
        return FolderIndex(
            photos=photos,
            names=[names[row] for row in order],
            boxes=np.concatenate(boxes)[order],
            embeddings=np.concatenate(embeddings)[order],
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
        """The index as last saved; None if there is none, or it is damaged, of another format or
        of other weights."""

    @abstractmethod
    def save(self, key: IndexKey, index: FolderIndex) -> None:
        """Keep `index`; when this returns it survives a crash, and before that the one saved earlier does.

        Raises:
            OSError: it could not be written.
        """
