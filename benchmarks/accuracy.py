"""How often verdicts are right: DeepFace's 300 labelled pairs and a piece of LFW, by detector and alignment."""

import math
import statistics
import time
from typing import get_args

import numpy as np
import numpy.typing as npt

from benchmarks.real_engine import real_engine
from benchmarks.servers import machine
from core.distances import distances
from schemas.common import Metric
from services.deepface.interface import Detection, Engine, Pixels
from services.faces.options import NOT_ALIGNED, crop_of
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE
from services.models.thresholds import Conditions, threshold_of
from tests.models.labelled import Pairs, labelled_gallery, labelled_pairs

MODEL = "Dlib"
WAYS = (
    ("deepface", "eyes"),
    ("bounded", "eyes"),
    ("bounded", NOT_ALIGNED),
    ("deepface", TEMPLATE),
    ("full", TEMPLATE),
    ("bounded", TEMPLATE),
)
RATES = (1e-2, 1e-3)  # of false matches

Distances = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


def main() -> None:
    """Print the figures of each way, and the thresholds of the fewest errors."""
    famous, famous_pairs = labelled_pairs()
    people, people_pairs = labelled_gallery()
    print(machine())
    print(f"{MODEL}, the largest face of each photo; in brackets 95 % confidence (Wilson)")
    print(
        f"right: of {len(famous_pairs)} pairs at DeepFace's threshold, by the template at our own;"
        f" TAR: of {len(people_pairs)} pairs of LFW"
    )
    print(f"{'detector':9}{'search':9}{'alignment':10}{'right':^22}", end="")
    print(
        "".join(f"{f'TAR at FMR {rate:g}':^22}" for rate in RATES)
        + f"{'a photo':>10}  {'fewest errors':28}1 stranger in 1,000"
    )
    print("thresholds in the order " + ", ".join(METRICS))
    with real_engine() as engine:
        for detector in ("yunet", "dlib", "opencv"):
            for method, alignment in WAYS:
                how = Detection(
                    detector=detector, method=method, alignment=crop_of(alignment, MODEL), enforce=False, max_faces=1
                )
                embeddings, milliseconds = embed_photos(engine, famous | people, how)
                all_pairs = {
                    metric: pair_distances(embeddings, famous_pairs + people_pairs, metric) for metric in METRICS
                }
                cosine, same = all_pairs["cosine"]
                published = catalogue.find(MODEL).thresholds["cosine"]
                threshold = template_threshold("cosine") if alignment == TEMPLATE else published
                right = (cosine[: len(famous_pairs)] <= threshold) == same[: len(famous_pairs)]
                lfw, lfw_same = cosine[len(famous_pairs) :], same[len(famous_pairs) :]
                print(f"{detector:9}{method:9}{alignment:10}{_share(right):^22}", end="")
                print("".join(f"{_share(_accepted(lfw, lfw_same, rate)):^22}" for rate in RATES), end="")
                fewest = ", ".join(f"{_fewest_errors(*pairs):.3f}" for pairs in all_pairs.values())
                strict = ", ".join(f"{_one_in_a_thousand(*pairs):.3f}" for pairs in all_pairs.values())
                print(f"{milliseconds:7.0f} ms  {fewest:28}{strict}")


METRICS: tuple[str, ...] = get_args(Metric.__value__)


def template_threshold(metric: str) -> float:
    """The service's own threshold for faces cropped by the template, the same behind all detectors."""
    limit = threshold_of(catalogue.find(MODEL), metric, Conditions(alignment=TEMPLATE, detector="dlib"))
    assert limit is not None, "it was measured"
    return limit.value


def embed_photos(engine: Engine, photos: dict[str, Pixels], how: Detection) -> tuple[dict[str, Distances], float]:
    """The embedding of each photo, and the median milliseconds that it took."""
    embeddings, took = {}, []
    for name, image in photos.items():
        started = time.perf_counter()
        face = engine.detect(image, how)[0]
        embeddings[name] = engine.embed([face.crop], model=MODEL, normalization="base")
        took.append((time.perf_counter() - started) * 1000)
    return embeddings, statistics.median(took)


def pair_distances(embeddings: dict[str, Distances], pairs: Pairs, metric: str) -> tuple[Distances, Labels]:
    """Return the distance of each pair, and whether it is of one person."""
    apart = [float(distances(embeddings[one], embeddings[other], metric)[0, 0]) for one, other, _ in pairs]
    return np.array(apart), np.array([same for *_, same in pairs])


def _accepted(apart: Distances, same: Labels, rate: float) -> Labels:
    """Which of the pairs of one person are nearer than all but `rate` of the others."""
    others = np.sort(apart[~same])
    accepted: Labels = apart[same] < others[int(rate * len(others))]
    return accepted


def _fewest_errors(apart: Distances, same: Labels) -> float:
    """The threshold with the lowest mean of false match and false non-match rate, in the middle of its plateau."""
    candidates = np.linspace(0, float(apart.max()), 4001)
    errors = np.array([(apart[~same] <= t).mean() + (apart[same] > t).mean() for t in candidates])
    return float(candidates[errors == errors.min()].mean())


def _one_in_a_thousand(apart: Distances, same: Labels) -> float:
    """The largest threshold, to three decimals, within which at most one in a thousand pairs of strangers is."""
    strangers = np.sort(apart[~same])
    return math.floor(1000 * float(strangers[len(strangers) // 1000])) / 1000


def _share(right: Labels) -> str:
    """The share of what is right, with Wilson's interval of 95 %."""
    z, n, share = 1.96, len(right), float(right.mean())
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{share:.4f} ({middle - half:.3f}-{middle + half:.3f})"
