"""The services of an import on the fake engine, for tests and for the process that a test kills."""

import os
import signal
import subprocess
import sys

from core.images.decoding import ImagePolicy
from services.audit.recorder import EventLog
from services.audit.store import AuditStore
from services.faces.frames import FrameReader
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from services.gallery.imports.enrolment import EnrolmentService
from services.gallery.imports.sources import ImportSources
from services.gallery.registration import GalleryService
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from tests.conftest import PROJECT

POLICY = ImagePolicy(max_bytes=100_000, max_pixels=1_000_000)


def importer(database, engine, settings):
    """The store of a SQLite file, the sources, and what registers their entries there."""
    store, defaults = GalleryStore(database, MatrixSearch(database)), Defaults.of(settings)
    reader = FaceReader(engine=engine, policy=POLICY, max_faces=256, antispoof_threshold=defaults.antispoof_threshold)
    frames = FrameReader(reader=reader, defaults=defaults)
    log = EventLog(store=AuditStore(database))
    gallery = GalleryService(engine=engine, frames=frames, defaults=defaults, min_quality=0, store=store, log=log)
    enrolment = EnrolmentService(gallery=gallery, store=store, defaults=defaults, policy=POLICY, lanes=2)
    return store, ImportSources(defaults=defaults, policy=POLICY, store=store), enrolment


def names(store, collection="default"):
    """The persons of a collection, and how many faces each has."""
    page = store.persons(collection=collection, name="", labels={}, cursor=None, limit=100)
    return {person.name: person.faces for person in page.persons}


def faces(store, name, collection="default"):
    """The faces of a person."""
    return store.faces(store.named(name, within=collection).id)


def kill_after(count, tmp_path, source, *arguments):
    """Import into the SQLite file of `tmp_path` in a process that is killed when so many entries are done."""
    script = [sys.executable, "-m", "tests.services.gallery.imports.importing_process"]
    # Not in the project's folder, where there may be a .env.
    killed = subprocess.run(
        [*script, f"sqlite:///{tmp_path / 'gallery.db'}", str(count), source, *map(str, arguments)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
