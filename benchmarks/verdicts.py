"""How far the answers of one way to run networks are from those of another."""

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import template_threshold
from services.deepface.interface import Detection, Engine
from tests.models.labelled import SHARED, labelled_gallery, labelled_pairs

NETWORKS = ("VGG-Face", "Facenet512", "ArcFace", "Dlib")
CLOSE = 0.005  # of a cosine distance to the threshold
MIN_COSINE = 0.9999

Embeddings = npt.NDArray[np.float64]
Embedded = dict[str, dict[str, Embeddings]]


def embedded(engine: Engine) -> Embedded:
    """The embeddings of the labelled photos by network: Dlib's true ones, the others of networks filled at random."""
    if not SHARED.is_dir():
        return {}
    photos = labelled_pairs()[0] | labelled_gallery()[0]
    crops = {name: _face(engine, image) for name, image in photos.items()}
    return {
        model: {name: engine.embed([crop], model=model, normalization="base")[0] for name, crop in crops.items()}
        for model in NETWORKS
    }


def _face(engine: Engine, image: Any) -> Any:
    return engine.detect(image, Detection(detector="dlib", method="bounded", alignment="dlib", enforce=False))[0].crop


def compared(exact: Embedded, other: Embedded) -> bool:
    """Print how the answers differ; returns whether they are the same for all that matters."""
    if not exact:
        print("answers were not compared, for there is no folder ../shared with photos")
        return False
    cosines = {
        model: min(_cosine(exact[model][name], other[model][name]) for name in exact[model]) for model in NETWORKS
    }
    print("least cosine to float32: " + ", ".join(f"{model} {least:.5f}" for model, least in cosines.items()))
    pairs = labelled_pairs()[1] + labelled_gallery()[1]
    threshold = template_threshold("cosine")
    apart = [
        np.array([1 - _cosine(of["Dlib"][one], of["Dlib"][two]) for one, two, _ in pairs]) for of in (exact, other)
    ]
    changed = (apart[0] <= threshold) != (apart[1] <= threshold)
    farthest = float(np.abs(apart[0] - threshold)[changed].max(initial=0))
    print(
        f"Dlib's verdicts on {len(pairs)} labelled pairs: {changed.sum()} changed, the farthest of them {farthest:.4f}"
        f" from the threshold {threshold}; distances differ by {np.abs(apart[0] - apart[1]).max():.4f} at most"
    )
    return farthest <= CLOSE and min(cosines.values()) >= MIN_COSINE


def _cosine(one: Embeddings, other: Embeddings) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
