"""A process whose children build a folder's index, one at a time, and are there to be killed.

`python -m tests.services.find.index_builder <photos> <data> <log>` appends the name of each photo that is embedded to
the log. For each line that it reads a child begins; its process id is printed, and at its end `done` or `killed`.
"""

import os
import sys
from pathlib import Path

from core.images.decoding import ImagePolicy
from services.deepface.interface import EmbeddingSpace
from services.find import build as module
from services.find.index import IndexKey
from services.find.indexer import FolderIndexer
from services.find.photos import DetectedPhoto, PhotoEmbedder
from services.find.store import FolderIndexStore
from tests.fakes import FakeEngine

SPACE = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)
POLICY = ImagePolicy(max_bytes=10**6, max_pixels=10**6)


class LoggedEmbedder(PhotoEmbedder):
    """Writes down what it embeds, at once."""

    def __init__(self, log: Path) -> None:
        super().__init__(engine=FakeEngine(), policy=POLICY, max_faces=256)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def detected(self, key: IndexKey, name: str) -> DetectedPhoto:
        found = super().detected(key, name)
        os.write(self._log, f"{name}\n".encode())
        return found


def make_indexer(photos: Path, data: Path, log: Path) -> FolderIndexer:
    """An indexer that logs to `log`."""
    return FolderIndexer(
        engine=FakeEngine(),
        store=FolderIndexStore(data),
        embedder=LoggedEmbedder(log),
        folder=str(photos),
        lanes=2,
        batch_size=2,
        refresh_s=0,
    )


def build(photos: str, data: str, log: str) -> None:
    """Bring the index up to date, keeping drafts as often as can be."""
    module._DRAFT_S, module._DRAFT_SHARE = 0.01, 1.0
    indexer = make_indexer(Path(photos), Path(data), Path(log))
    indexer.current(indexer.key("opencv", SPACE), wait_for_changes=True)


if __name__ == "__main__":
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            build(*sys.argv[1:])
            os._exit(0)
        print(child, flush=True)
        print("killed" if os.waitpid(child, 0)[1] else "done", flush=True)
