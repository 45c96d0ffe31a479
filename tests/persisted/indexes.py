"""The folder's index that the tests keep: where the program keeps it, and what is in it."""

from typing import Any

from core.encryption import Keyring
from services.deepface.interface import EmbeddingSpace
from services.find.index import FolderIndex, IndexKey
from services.find.store import FolderIndexStore
from tests.persisted.program import GALLERY_KEY, PHOTO_FOLDER, Program

# What the program of 2026-11 makes of the key.
NAME = "cd3f60795e8855a342860378c715ee8d"

KEY = IndexKey(
    folder=PHOTO_FOLDER,
    detector="opencv",
    space=EmbeddingSpace(
        model="Dlib", alignment="template", detection="bounded", normalization="base", expand_percentage=0
    ),
    weights="fake",
)

HEADER = (
    '{"format": 2, "key": {"folder": "/proc/self/cwd/photos", "detector": "opencv", "space": {"model": "Dlib", '
    '"alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, '
    '"weights": "fake"}, "photos": 4, "faces": 3, "failed": {"no_face_detected": 1}}'
)
ARRAYS = {
    "names": "|u1", "ends": "<i8", "signatures": "<i8", "problems": "|u1", "photo_of_row": "<i4", "boxes": "<i4",
    "embeddings": "<f4",
}  # fmt: skip

_BOX = [20, 30, 40, 40]

# Of each photo: its size in bytes, why it has no face, the boxes of its faces, and of their embeddings what is not 0.
INDEX = {
    "nobody.png": (349, "no_face_detected", [], []),
    "people/Alice/1.png": (626, "", [_BOX], [[32, 64, 224]]),
    "people/Alice/2.png": (626, "", [_BOX], [[32, 96, 224]]),
    "people/Bob/1.png": (626, "", [_BOX], [[224, 224, 160]]),
}


def said_of(index: FolderIndex | None) -> dict[str, Any]:
    """What is in an index, as INDEX has it."""
    assert index is not None
    assert index.embeddings.shape == (3, 128) and not index.embeddings[:, 3:].any()
    return {
        name: (faces.signature[0], faces.problem, faces.boxes.tolist(), faces.embeddings[:, :3].tolist())
        for name, faces in index.by_photo().items()
    }


def store_of(program: Program) -> FolderIndexStore:
    """The store of the program's indexes."""
    keys = [bytes.fromhex(GALLERY_KEY)] if program.is_encrypted else []
    return FolderIndexStore(program.home / "data" / "folder_index", Keyring(keys))
