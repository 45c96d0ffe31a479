"""A process that builds a folder's index and is there to be killed, alone or beside another.

`python -m tests.services.index_builder <photos> <data> <log>` appends the name of each photo it embeds to the log. It
prints a line when it is ready, begins when it reads one, and prints another when the index is complete.
"""

import os
import sys
from pathlib import Path

from core.images import ImagePolicy
from services import indexing
from services.engine.base import EmbeddingSpace
from services.indexing import FolderIndexer
from services.photos import PhotoEmbedder
from services.stores.base import IndexKey, PhotoFaces
from services.stores.folder_index import FileFolderIndexStore
from tests.fakes import FakeEngine

SPACE = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)
POLICY = ImagePolicy(max_bytes=10**6, max_pixels=10**6)


class LoggedEmbedder(PhotoEmbedder):
    """Writes down what it embeds, at once."""

    def __init__(self, log: Path) -> None:
        super().__init__(engine=FakeEngine(), policy=POLICY)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def faces(self, key: IndexKey, name: str) -> PhotoFaces:
        found = super().faces(key, name)
        os.write(self._log, f"{name}\n".encode())
        return found


def make_indexer(photos: Path, data: Path, log: Path) -> FolderIndexer:
    """An indexer that logs to `log`."""
    return FolderIndexer(
        engine=FakeEngine(),
        store=FileFolderIndexStore(data),
        embedder=LoggedEmbedder(log),
        folder=str(photos),
        lanes=2,
        refresh_s=0,
    )


def main(photos: str, data: str, log: str) -> None:
    indexing._DRAFT_S, indexing._DRAFT_SHARE = 0.01, 1.0
    indexer = make_indexer(Path(photos), Path(data), Path(log))
    print("ready", flush=True)
    sys.stdin.readline()
    indexer.current(indexer.key("opencv", SPACE), wait_for_changes=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
