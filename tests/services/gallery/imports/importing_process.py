"""Enrols a folder on the fake engine, and kills itself when so many are done: python … DATABASE FOLDER PHOTOS."""

import os
import signal
import sys
from pathlib import Path

from core.images.decoding import ImagePolicy
from core.settings import Settings
from schemas.gallery import EnrolmentOptions
from services.audit.recorder import EventLog
from services.audit.store import AuditStore
from services.database.choice import make_database
from services.faces.frames import FrameReader
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from services.gallery.enrolment import EnrolmentService
from services.gallery.registration import GalleryService
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from tests.fakes import FakeEngine


def main(url: str, folder: str, photos: str) -> None:
    engine, defaults = FakeEngine(), Defaults.of(Settings())
    policy = ImagePolicy(max_bytes=100_000, max_pixels=1_000_000)
    database = make_database(url)
    store = GalleryStore(database, MatrixSearch(database))
    reader = FaceReader(engine=engine, policy=policy, max_faces=256, antispoof_threshold=defaults.antispoof_threshold)
    frames = FrameReader(reader=reader, defaults=defaults)
    log = EventLog(store=AuditStore(database))
    gallery = GalleryService(engine=engine, frames=frames, defaults=defaults, min_quality=0, store=store, log=log)

    def progress(done: int, _: int) -> None:
        if done == int(photos):  # while other threads are at the next
            os.kill(os.getpid(), signal.SIGKILL)

    service = EnrolmentService(gallery=gallery, store=store, defaults=defaults, policy=policy, lanes=2)
    service.enrol(Path(folder), "default", EnrolmentOptions(), progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
