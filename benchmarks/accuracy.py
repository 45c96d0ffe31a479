"""How well Dlib tells the labelled persons apart: by detector, search, alignment and normalization, and in variants."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from benchmarks.persons import (
    Compared,
    Whole,
    accepted,
    compare,
    held_out,
    interval,
    left_out,
    persons_of,
    threshold_at,
    true_accepts,
)
from benchmarks.real_engine import real_engine
from benchmarks.servers import machine
from benchmarks.variants import METRIC, MODEL, variants
from schemas.names import Metric, Normalization
from services.deepface.interface import Detection, Engine, Pixels
from services.faces.options import NOT_ALIGNED, crop_of
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE
from services.models.thresholds import Conditions, threshold_of
from tests.models.labelled import labelled_gallery, labelled_pairs

METRICS: tuple[str, ...] = get_args(Metric.__value__)
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization.__value__)
DETECTORS = ("yunet", "dlib", "opencv")
ALIGNMENTS = (TEMPLATE, "eyes", NOT_ALIGNED)
SEARCHES = (("deepface", "eyes"), ("deepface", TEMPLATE), ("full", TEMPLATE))  # besides `bounded`
RATE = 1e-2  # of false matches

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "accuracy.md"
HEAD = """# Accuracy measured here

<!-- Written by `python -m benchmarks accuracy --write`. Do not edit. -->

What the photos of the folder `../shared` can show. [Models](../reference/models.md) has the published figures.
"""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """The labelled photos, and the person on each, as numbers from 0 on."""

    images: Sequence[Pixels]
    persons: Whole


def main(*, write: bool = False) -> None:
    """Print the tables; with `write`, also write them to the page about accuracy."""
    lines = []
    with real_engine() as engine:
        for line in _report(engine, labelled_photos()):
            print(line, flush=True)
            lines.append(line)
    if write:
        PAGE.write_text("\n".join([HEAD, *lines, ""]))


def template_threshold(metric: str) -> float:
    """The service's own threshold for faces cropped by the template, the same behind all detectors."""
    return _own_threshold(TEMPLATE, "dlib", metric)


def labelled_photos() -> Photos:
    """DeepFace's photos of famous people, and those of LFW."""
    (famous, pairs), (people, more) = labelled_pairs(), labelled_gallery()
    persons = persons_of(pairs + more)
    numbers = {person: number for number, person in enumerate(dict.fromkeys(persons.values()))}
    images = famous | people
    return Photos(images=list(images.values()), persons=np.array([numbers[persons[name]] for name in images]))


def _report(engine: Engine, photos: Photos) -> Iterator[str]:
    compared: dict[tuple[str, str, str], Floats] = {}
    for detector in DETECTORS:
        for alignment in ALIGNMENTS:
            crops = crops_of(engine, photos, detector, "bounded", alignment)
            for normalization in NORMALIZATIONS:
                compared[detector, alignment, normalization] = engine.embed(
                    crops, model=MODEL, normalization=normalization, alignment=alignment
                )
    plain = compare(compared["dlib", TEMPLATE, "base"], photos.persons, METRIC)
    yield from _introduction(plain, photos)
    yield from _rates(engine, photos, compared, plain)
    yield from _thresholds(photos, compared)
    yield from _tried(engine, photos)


def _introduction(plain: Compared, photos: Photos) -> Iterator[str]:
    strangers = int((~plain.same).sum())
    yield (
        f"{MODEL} on {len(photos.images)} photos of {plain.persons} persons, the largest face of each:"
        f" {int(plain.same.sum())} pairs of one person, {strangers:,} of strangers. By"
        f" `python -m benchmarks accuracy --write` on {machine()}."
    )
    yield (
        f"These pairs cannot show a false match rate below 3 in {strangers:,}. Brackets hold the 95 % interval over"
        " persons, who were drawn with replacement 1,000 times."
    )


def _rates(
    engine: Engine, photos: Photos, embeddings: dict[tuple[str, str, str], Floats], plain: Compared
) -> Iterator[str]:
    strangers = int((~plain.same).sum())
    yield ""
    yield from _row(
        "detector", "search", "alignment", "accepted at 1 in 100", f"accepted at 3 in {strangers:,}",
        "accepted, held out", "strangers, held out",
    )  # fmt: skip
    yield from _rule(7)
    for detector in DETECTORS:
        ways = [("bounded", alignment) for alignment in ALIGNMENTS] + list(SEARCHES)
        for search, alignment in ways:
            found = (
                embeddings[detector, alignment, "base"]
                if search == "bounded"
                else engine.embed(
                    crops_of(engine, photos, detector, search, alignment),
                    model=MODEL,
                    normalization="base",
                    alignment=alignment,
                )
            )
            compared = compare(found, photos.persons, METRIC)
            true, false = held_out(compared, compared.lowest_rate)
            yield from _row(
                detector,
                search,
                alignment,
                _share(compared, RATE),
                _share(compared, compared.lowest_rate),
                f"{true:.3f}",
                f"{false:.4f}",
            )
    yield ""
    yield (
        "Accepted are pairs of one person. Held out: pairs of a person are judged by the threshold of all other persons"
        f" that accepts 3 in {strangers:,} strangers."
    )


def _thresholds(photos: Photos, embeddings: dict[tuple[str, str, str], Floats]) -> Iterator[str]:
    yield ""
    yield (
        f"The thresholds at that rate, with the interval for {METRIC}. The service's own"
        " follows, with the shares of pairs of one person and of strangers that it accepts. `detection` is `bounded`."
    )
    yield ""
    yield from _row("alignment", "normalization", "detector", *METRICS, "accepted", f"own, {METRIC}", "it accepts")
    yield from _rule(10)
    for (detector, alignment, normalization), found in sorted(embeddings.items(), key=_in_order):
        by_metric = {metric: compare(found, photos.persons, metric) for metric in METRICS}
        compared = by_metric[METRIC]
        rate = compared.lowest_rate
        numbers = {metric: f"{_floor(threshold_at(one, rate))}" for metric, one in by_metric.items()}
        low, high = interval(partial(threshold_at, compared, rate), compared.persons)
        numbers[METRIC] += f" ({low:.3f}-{high:.3f})"
        own = _own(alignment, detector, normalization, compared)
        yield from _row(
            alignment, normalization, detector, *numbers.values(), f"{true_accepts(compared, rate):.3f}", *own
        )


def _in_order(entry: tuple[tuple[str, str, str], Floats]) -> tuple[int, ...]:
    (detector, alignment, normalization), _ = entry
    return ALIGNMENTS.index(alignment), NORMALIZATIONS.index(normalization), DETECTORS.index(detector)


def _own(alignment: str, detector: str, normalization: str, compared: Compared) -> tuple[str, str]:
    """The service's own threshold, and what it accepts; nothing if it has none."""
    conditions = Conditions(alignment=alignment, detector=detector, normalization=normalization)
    own = threshold_of(catalogue.find(MODEL), METRIC, conditions)
    if own is None:
        return "", ""
    true, false = (accepted(compared, own.value, same=same) for same in (True, False))
    return f"{own.value}", f"{true:.3f}, {false:.4f}"


def _tried(engine: Engine, photos: Photos) -> Iterator[str]:
    yield ""
    yield (
        "What was tried on the template. A change is kept if it accepts more at the lowest rate with each person left"
        " out in turn. The last column counts the persons without whom it is better, equal and worse."
    )
    yield ""
    yield from _row("detector", "change", "accepted at 1 in 100", "accepted at the lowest rate", "better, equal, worse")
    yield from _rule(5)
    for detector in DETECTORS:
        plain: list[float] = []
        for name, compared in variants(engine, detector, photos.images, photos.persons):
            without = [true_accepts(rest, rest.lowest_rate) for _, rest in left_out(compared)]
            plain = plain or without
            signs = np.sign(np.array(without) - plain)
            counts = ", ".join(str(int((signs == sign).sum())) for sign in (1, 0, -1))
            rates = (_share(compared, rate) for rate in (RATE, compared.lowest_rate))
            yield from _row(detector, name, *rates, counts if without is not plain else "")


def crops_of(engine: Engine, photos: Photos, detector: str, search: str, alignment: str) -> list[Pixels]:
    """The crop of the largest face of each photo."""
    how = Detection(detector=detector, method=search, alignment=crop_of(alignment, MODEL), enforce=False, max_faces=1)
    return [engine.detect(image, how)[0].crop for image in photos.images]


def _own_threshold(alignment: str, detector: str, metric: str) -> float:
    limit = threshold_of(catalogue.find(MODEL), metric, Conditions(alignment=alignment, detector=detector))
    assert limit is not None, "it was measured"
    return limit.value


def _share(compared: Compared, rate: float) -> str:
    """The share of the pairs of one person that are accepted at a false match rate, with its interval."""
    low, high = interval(partial(true_accepts, compared, rate), compared.persons)
    return f"{true_accepts(compared, rate):.3f} ({low:.3f}-{high:.3f})"


def _floor(threshold: float) -> float:
    return math.floor(1000 * threshold) / 1000


def _row(*cells: str) -> Iterable[str]:
    yield "| " + " | ".join(cells) + " |"


def _rule(columns: int) -> Iterable[str]:
    yield "|" + "---|" * columns
