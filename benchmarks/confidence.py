"""How a distance becomes a confidence, fitted on the labelled pairs; `make pictures` draws it."""

import json
from typing import Any

import numpy as np

from benchmarks.accuracy import DETECTORS, METRICS, crops_of, labelled_photos, template_threshold
from benchmarks.persons import Compared, Numbers, Whole, compare, interval, left_out, pair_weights
from benchmarks.real_engine import real_engine
from benchmarks.servers import PROJECT, machine
from benchmarks.variants import METRIC, MODEL
from core.distances import similarity
from services.deepface.interface import Engine
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE
from services.models.thresholds import Conditions, confidence_of

FIGURE = PROJECT / "docs" / "images" / "confidence.json"
DETECTOR = "dlib"  # whose pairs the plot shows

_FARTHEST = 0.3  # distance of the plot

_SPREADS = 200  # tried per fit, in equal ratios
_RANGE = (0.01, 1.0)  # of the threshold, in which they lie
_LEAST = 1e-4  # a chance below this counts as this: DeepFace says 0 and 100


def main() -> None:
    """Print the spread of each metric with its interval, how it judges left out persons, and write the plot's data."""
    photos = labelled_photos()
    print(machine())
    with real_engine() as engine:
        found = {
            detector: engine.embed(
                crops_of(engine, photos, detector, "bounded", TEMPLATE),
                model=MODEL,
                normalization="base",
                alignment=TEMPLATE,
            )
            for detector in DETECTORS
        }
        print(f"{'detector':10}{'metric':14}{'spread':>8}  {'interval':18}{'log loss, held out':>20}{'DeepFace':>10}")
        for detector, embeddings in found.items():
            for metric in METRICS:
                compared, threshold = compare(embeddings, photos.persons, metric), template_threshold(metric)
                curves = Curves(compared, threshold)
                low, high = interval(curves.spread, compared.persons)
                spread = curves.spread()
                losses = f"{held_out_loss(compared, threshold):20.3f}{deepface_loss(engine, compared, metric):10.3f}"
                print(f"{detector:10}{metric:14}{spread:8.4f}  {f'{low:.4f}-{high:.4f}':18}{losses}", flush=True)
        shown = figure(engine, compare(found[DETECTOR], photos.persons, METRIC))
    FIGURE.write_text(json.dumps(shown) + "\n")


class Curves:
    """Logistic curves of several spreads that are 0.5 at the threshold, and how well they fit the compared pairs."""

    def __init__(self, compared: Compared, threshold: float) -> None:
        self._compared = compared
        self._spreads = threshold * np.geomspace(*_RANGE, _SPREADS)
        beyond = np.where(compared.same, 1, -1) * (compared.apart - threshold)
        self._losses = np.logaddexp(0, beyond / self._spreads[:, None])  # of each spread and pair

    def fitted(self, drawn: Whole | None = None) -> int:
        """The curve with the least log loss, where pairs of one person and of strangers have equal weight."""
        return int(np.argmin(self._losses @ _balanced(self._compared, drawn)))

    def spread(self, drawn: Whole | None = None) -> float:
        """The spread of that curve."""
        return float(self._spreads[self.fitted(drawn)])

    def loss(self, curve: int) -> float:
        """The log loss of a curve."""
        return float(self._losses[curve] @ _balanced(self._compared))


def held_out_loss(compared: Compared, threshold: float) -> float:
    """The mean log loss over persons, each by the curve of the other persons."""
    return float(
        np.mean([Curves(one, threshold).loss(Curves(rest, threshold).fitted()) for one, rest in left_out(compared)])
    )


def deepface_loss(engine: Engine, compared: Compared, metric: str) -> float:
    """The same for DeepFace's confidence, which nothing here was fitted to."""
    losses = []
    for one, _ in left_out(compared):
        chances = [_deepface(engine, distance, metric) for distance in one.apart.tolist()]
        right = np.where(one.same, chances, 1 - np.array(chances))
        losses.append(-np.log(np.maximum(right, _LEAST)) @ _balanced(one))
    return float(np.mean(losses))


def _deepface(engine: Engine, distance: float, metric: str) -> float:
    verified = distance <= template_threshold(metric)
    return engine.confidence(distance, model=MODEL, metric=metric, verified=verified) / 100


def _balanced(compared: Compared, drawn: Whole | None = None) -> Numbers:
    """The weight of each pair, so that both kinds have half of it."""
    weights = pair_weights(compared, drawn)
    of_same, of_strangers = (weights * (compared.same == same) for same in (True, False))
    return np.asarray((of_same / of_same.sum() + of_strangers / of_strangers.sum()) / 2, np.float64)


def figure(engine: Engine, compared: Compared) -> dict[str, Any]:
    """What the plot shows: how many pairs are at a distance, and what becomes of the distance."""
    steps = np.linspace(0, _FARTHEST, 301)
    bins = steps[::6]
    conditions = Conditions(alignment=TEMPLATE, detector=DETECTOR)
    model = catalogue.find(MODEL)
    return {
        "machine": machine(),
        "command": "python -m benchmarks confidence",
        "model": MODEL,
        "metric": METRIC,
        "threshold": template_threshold(METRIC),
        "bins": bins.round(4).tolist(),
        "same": np.histogram(compared.apart[compared.same], bins)[0].tolist(),
        "strangers": np.histogram(compared.apart[~compared.same], bins)[0].tolist(),
        "distances": steps.round(4).tolist(),
        "confidence": [confidence_of(model, METRIC, conditions, distance) for distance in steps.tolist()],
        "deepface": [round(100 * _deepface(engine, distance, METRIC), 2) for distance in steps.tolist()],
        "similarity": [round(100 * similarity(distance, METRIC), 2) for distance in steps.tolist()],
    }
