"""What each detector finds on annotated photos, from 400 pixels to full size: bounded, and as DeepFace searches."""

import statistics
import time

from benchmarks.real_engine import real_engine
from benchmarks.servers import machine
from services.deepface.interface import Detection, FaceArea
from tests.models.labelled import annotated_photos


def main() -> None:
    """Print faces found, false boxes and milliseconds of each way."""
    photos = list(annotated_photos())
    print(machine())
    print(f"{len(photos)} photos, {sum(len(noses) for *_, noses in photos)} faces; one lane")
    print(f"{'detector':10}{'search':10}{'found':>8}{'false':>7}{'median':>10}{'largest':>10}")
    with real_engine() as engine:
        for detector in ("yunet", "dlib", "opencv"):
            for method in ("bounded", "deepface"):
                found = false = total = 0
                took = []
                how = Detection(detector=detector, method=method, alignment="none", enforce=False)
                engine.detect(photos[0][1], how)  # loads it
                for _, image, noses in photos:
                    started = time.perf_counter()
                    faces = [face.area for face in engine.detect(image, how) if face.confidence]
                    took.append((time.perf_counter() - started) * 1000)
                    total += len(noses)
                    found += sum(any(_inside(nose, area) for area in faces) for nose in noses)
                    false += sum(not any(_inside(nose, area) for nose in noses) for area in faces)
                print(
                    f"{detector:10}{method:10}{found / total:8.3f}{false:7}{statistics.median(took):7.0f} ms"
                    f"{max(took):7.0f} ms"
                )


def _inside(nose: tuple[float, float], area: FaceArea) -> bool:
    return area.x <= nose[0] <= area.x + area.w and area.y <= nose[1] <= area.y + area.h
