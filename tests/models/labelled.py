"""Photos on which it is known who is there and where, of the folder `../shared` where somebody put it."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from services.deepface.interface import Pixels

# Weights and photos that cannot be had from a package registry.
SHARED = Path(__file__).parents[3] / "shared"
FACES = SHARED / "faces"

LONGEST_PX = 10_000  # longer than any of the photos

Pairs = list[tuple[str, str, bool]]  # two names, and whether they show one person


def labelled_pairs() -> tuple[dict[str, Pixels], Pairs]:
    """DeepFace's 25 photos of famous people, and their 300 pairs."""
    folder = FACES / "pairs"
    with (folder / "pairs.csv").open() as file:
        pairs = [(row["file_x"], row["file_y"], row["Decision"] == "Yes") for row in csv.DictReader(file)]
    return {name: _read(folder / name) for name in sorted({name for pair in pairs for name in pair[:2]})}, pairs


def labelled_gallery() -> tuple[dict[str, Pixels], Pairs]:
    """50 photos of 5 people from LFW, and all their pairs."""
    files = sorted((FACES / "gallery").glob("*/*"))
    pairs = [(one.name, other.name, one.parent == other.parent) for one, other in itertools.combinations(files, 2)]
    return {file.name: _read(file) for file in files}, pairs


def annotated_photos(longest_px: int = LONGEST_PX) -> Iterator[tuple[str, Pixels, list[tuple[float, float]]]]:
    """Photos of up to six people in several sizes, up to `longest_px` a side, with the nose of each."""
    noses: dict[str, list[tuple[float, float]]] = {}
    with (FACES / "annotated" / "noses.csv").open() as file:
        for row in csv.DictReader(file):
            noses.setdefault(row["file"], []).append((float(row["nose_x"]), float(row["nose_y"])))
    for name, points in noses.items():
        image = _read(FACES / "annotated" / name)
        longest = max(image.shape[:2])
        for side in (400, 500, 640, 800, 1000, 2000, 4000, longest):
            scale = side / longest
            if side <= min(longest, longest_px):
                copy = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                yield name, np.asarray(copy, np.uint8), [(x * scale, y * scale) for x, y in points]


def _read(file: Path) -> Pixels:
    return np.asarray(cv2.imread(str(file)), np.uint8)
