"""What a process keeps in memory that has built an index, with photos and networks that cost nothing."""

import gc
import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
from typing_extensions import override

from benchmarks.servers import resident_mb
from core.files import signature_of
from core.settings import Settings
from services.deepface.interface import EmbeddingSpace, Engine
from services.find.index import IndexKey, PhotoFaces
from services.find.indexer import FolderIndexer
from services.find.photos import DetectedPhoto, Embedded, PhotoEmbedder
from services.find.store import FolderIndexStore

UPDATED = 5  # photos
SETTLE_S = 1.0  # what is not needed any more is given back behind the answer

_SPACE = EmbeddingSpace(
    model="Dlib", alignment="template", detection="bounded", normalization="base", expand_percentage=0
)


class _FreeEngine:
    """Has all models there are."""

    def load(self, name: str) -> None:
        """Nothing."""


class _FreeEmbedder(PhotoEmbedder):
    """Gives each photo one face of so many numbers."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension

    @override
    def detected(self, key: IndexKey, name: str) -> DetectedPhoto:
        signature = signature_of(os.stat(os.path.join(key.folder, name)))
        crops = [np.empty((1, 1, 3), np.uint8)]
        return DetectedPhoto(name=name, signature=signature, boxes=np.ones((1, 4), np.int32), crops=crops)

    @override
    def embedded(self, key: IndexKey, photos: Sequence[DetectedPhoto]) -> list[Embedded]:
        rows = np.ones((len(photos), self._dimension), np.float32)
        return [
            (photo.name, PhotoFaces(signature=photo.signature, boxes=photo.boxes, embeddings=rows[row : row + 1]))
            for row, photo in enumerate(photos)
        ]


def built_footprint(data: Path, folder: Path, dimension: int) -> tuple[float, float]:
    """In megabytes, what this process, which holds nothing else, has more once it has built the index of a folder, and
    once it has updated it for a few photos."""
    one = data / "one"
    one.mkdir(parents=True)
    (one / "photo.jpg").touch()
    _bring_up_to_date(_indexer(data, one, dimension), one)  # for what is imported at the first use
    before = _resident_mb()
    indexer = _indexer(data, folder, dimension)
    _bring_up_to_date(indexer, folder)
    built = _resident_mb() - before
    for photo in islice(folder.rglob("*.jpg"), UPDATED):
        os.utime(photo)
    _bring_up_to_date(indexer, folder)
    return built, _resident_mb() - before


def _indexer(data: Path, folder: Path, dimension: int) -> FolderIndexer:
    settings = Settings()
    return FolderIndexer(
        engine=cast(Engine, _FreeEngine()),
        store=FolderIndexStore(data),
        embedder=_FreeEmbedder(dimension),
        folder=str(folder),
        lanes=settings.lanes,
        batch_size=settings.batch_max_size,
        refresh_s=0,
    )


def _bring_up_to_date(indexer: FolderIndexer, folder: Path) -> None:
    key = IndexKey(folder=str(folder), detector="opencv", space=_SPACE, weights="")
    indexer.current(key, wait_for_changes=True)


def _resident_mb() -> float:
    time.sleep(SETTLE_S)
    gc.collect()
    return resident_mb(os.getpid())
