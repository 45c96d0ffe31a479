"""A find service on the fake engine, and how its tests ask it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from core.images.decoding import ImagePolicy
from core.settings import Settings
from schemas.find import FindRequest, FindResponse
from services.audit.events import Event
from services.audit.recorder import EventLog
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from services.find.indexer import FolderIndexer
from services.find.photos import PhotoEmbedder
from services.find.service import FindService
from services.find.store import FolderIndexStore
from tests.fakes import FakeEngine
from tests.pictures import Colour, photo


class KeptEvents(EventLog):
    """A log that keeps what it is given in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @override
    def keep(self, *events: Event) -> None:
        self.events += events


POLICY = ImagePolicy(max_bytes=100_000, max_pixels=1_000_000)


@pytest.fixture
def make_indexer(settings: Settings) -> Callable[..., FolderIndexer]:
    """Makes an indexer of the photo folder that looks at it for every request."""

    def make(engine: FakeEngine, *, refresh_s: float = 0) -> FolderIndexer:
        return FolderIndexer(
            engine=engine,
            store=FolderIndexStore(settings.data_path / "index"),
            embedder=PhotoEmbedder(engine=engine, policy=POLICY, max_faces=256),
            folder=settings.faces_db_path,
            lanes=2,
            batch_size=8,
            refresh_s=refresh_s,
        )

    return make


@pytest.fixture
def make_service(settings: Settings, make_indexer: Callable[..., FolderIndexer]) -> Callable[..., FindService]:
    """Makes a find service; keywords change what it is given."""

    def make(engine: FakeEngine, **options: Any) -> FindService:
        defaults = Defaults.of(settings)
        given = {
            "engine": engine,
            "reader": FaceReader(
                engine=engine, policy=POLICY, max_faces=256, antispoof_threshold=defaults.antispoof_threshold
            ),
            "indexer": make_indexer(engine),
            "defaults": defaults,
            "folder": settings.faces_db_path,
            "relative_identities": False,
            "log": KeptEvents(),
        }
        return FindService(**given | options)

    return make


@pytest.fixture
def service(make_service: Callable[..., FindService], engine: FakeEngine) -> FindService:
    """A find service on `engine`."""
    return make_service(engine)


def found(service: FindService, *colours: Colour, **options: Any) -> FindResponse:
    """The answer to a query with these faces."""
    return service.find(FindRequest(img=photo(*colours), **options))


def identities(answer: FindResponse, photos: Path) -> list[list[str]]:
    """The photos found, by their path below the folder."""
    return [[os.path.relpath(row.identity, photos) for row in rows] for rows in answer.result]
