"""The content of an index file after its header: a numpy archive, which is never unpickled."""

from typing import IO, Any, BinaryIO

import numpy as np

from services.find.index import FolderIndex
from services.find.photo_list import Photos


def write_archive(file: IO[bytes], index: FolderIndex) -> None:
    """Append the index to the file."""
    np.savez(
        file,
        names=np.frombuffer(index.photos.text, np.uint8),
        ends=index.photos.ends,
        signatures=index.photos.signatures,
        problems=index.problems,
        photo_of_row=index.photo_of_row,
        boxes=index.boxes,
        embeddings=index.embeddings,
    )


def read_archive(file: BinaryIO) -> FolderIndex:
    """The index of the rest of the file; raises any error of numpy if it is damaged."""
    archive: Any = np.load(file, allow_pickle=False)
    return FolderIndex(
        photos=Photos(text=archive["names"].tobytes(), ends=archive["ends"], signatures=archive["signatures"]),
        problems=archive["problems"],
        photo_of_row=archive["photo_of_row"],
        boxes=archive["boxes"],
        embeddings=archive["embeddings"],
    )
