"""The quality of good photos and of poor copies of them, by detector, search and crop: what MIN_QUALITY rests on."""

from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.real_engine import real_engine
from benchmarks.servers import machine
from core.settings import Settings
from services.deepface.interface import Detection, Engine, Pixels
from services.faces.quality import Quality, measure_quality
from services.faces.reader import DetectedFace
from tests.models.labelled import labelled_gallery, labelled_pairs

WAYS = (("bounded", "dlib"), ("bounded", "eyes"), ("full", "dlib"), ("deepface", "eyes"), ("deepface", "dlib"))
SMALL_PX = 40
EVERY = 5  # of the photos, one in so many is copied


def main() -> None:
    """Print the extremes of each way, and the largest default of MIN_QUALITY that accepts all good photos."""
    photos = labelled_pairs()[0] | labelled_gallery()[0]
    print(machine())
    print(f"{len(photos)} photos; one in {EVERY} is copied: shrunk to {SMALL_PX} px, shrunk and enlarged, upside down")
    print(f"{'detector':9}{'search':10}{'crop':6}{'good':>16}{'turn':>7}{'small':>7}{'enlarged':>10}{'turned':>8}")
    least = 1.0
    with real_engine() as engine:
        for detector in ("yunet", "dlib", "opencv"):
            for method, alignment in WAYS:
                how = Detection(detector=detector, method=method, alignment=alignment, enforce=False, max_faces=1)
                good = {name: quality_of(engine, image, how) for name, image in photos.items()}
                few = list(photos.values())[::EVERY]
                poor = [[quality_of(engine, copy, how) for copy in copies(image)] for image in few]
                worst = min(good, key=lambda name: good[name].score)
                least = min(least, good[worst].score)
                turn = max(quality.turn or 0 for quality in good.values())
                most = [max(quality.score for quality in kind) for kind in zip(*poor, strict=True)]
                print(
                    f"{detector:9}{method:10}{alignment:6}{good[worst].score:5.2f} {worst[:10]:>10}{turn:7.2f}", end=""
                )
                print(f"{most[0]:7.2f}{most[1]:10.2f}{most[2]:8.2f}", flush=True)
    print(f"the least good photo has {least}; MIN_QUALITY is {Settings.model_fields['min_quality'].default}")


def quality_of(engine: Engine, image: Pixels, how: Detection) -> Quality:
    """The quality of the largest face that the engine finds."""
    (face,) = engine.detect(image, how)
    return measure_quality(DetectedFace(face, None, how.detector, engine.look_again(image, [face.area])[0]))


def copies(image: Pixels) -> Iterator[Pixels]:
    """The image shrunk, shrunk and enlarged again, and upside down."""
    scale = SMALL_PX / min(image.shape[:2])
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    yield small
    yield np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    yield np.asarray(cv2.rotate(image, cv2.ROTATE_180), np.uint8)
