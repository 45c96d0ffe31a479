"""Imports on the fake engine, and kills itself when so many are done: python … DATABASE COUNT SOURCE ARGUMENT…"""

import json
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

from core.settings import Settings
from schemas.gallery import EnrolmentOptions
from services.database.choice import make_database
from tests.fakes import FakeEngine
from tests.services.gallery.imports.importing import importer


def entries(sources, source, arguments):
    match source:
        case "compreface":
            return sources.compreface(*arguments)
        case "deepface":
            return sources.deepface(arguments[0], **json.loads(arguments[1]))
        case "compreface_api":
            return nullcontext(sources.compreface_api(*arguments))
        case _:
            return nullcontext(getattr(sources, source)(*map(Path, arguments)))


def main(url, count, source, *arguments):
    def progress(done, _):
        if done == int(count):  # while other threads are at the next
            os.kill(os.getpid(), signal.SIGKILL)

    _, sources, enrolment = importer(make_database(url), FakeEngine(), Settings())
    with entries(sources, source, arguments) as found:
        enrolment.enrol(found, collection="default", options=EnrolmentOptions(), progress=progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
