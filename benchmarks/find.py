"""What `/find` takes: beside `DeepFace.find`, and its search beside the reading of the matrix alone."""

import os
import tempfile
from pathlib import Path

from benchmarks.servers import machine
from core.process import prepare_process
from core.settings import Settings

COUNTS = (1_000, 10_000)
MODELS = ("Dlib", "VGG-Face")  # 128 and 4096 numbers a face
BUILT_PHOTOS = 100


def main() -> None:
    """Print the tables."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.chdir(home)  # away from the project's .env
        prepare_process(Settings(deepface_home=home))
        # Only now: numpy reads at import how many threads it may use.
        from benchmarks.finding import print_build, print_find, print_look
        from benchmarks.galleries import Engines, Gallery
        from benchmarks.searching import print_large, print_search

        engines = Engines(home)
        galleries = [Gallery.made(engines, model, count) for model in MODELS for count in COUNTS]
        print_find(engines, galleries)
        print_search(galleries)
        print_large(engines)
        print_look(engines, next(gallery for gallery in galleries if gallery.count == COUNTS[-1]))
        print_build(engines, BUILT_PHOTOS)
