"""The threshold of a model for the conditions under which it holds; elsewhere a request must send its own."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATES, MeasuredThresholds, Model

_MAX_EXPONENT = 700.0  # of a confidence that is 0 for all that matters; a larger one overflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the distance of two faces depends on, beside the model and the metric."""

    alignment: str
    detector: str
    normalization: str = "base"
    expand_percentage: int = 0


@dataclass(frozen=True, slots=True)
class Threshold:
    """The largest distance between two faces of one person, and where the number is from."""

    value: float
    source: Literal["request", "measured", "deepface"]


def threshold_of(model: Model, metric: str, conditions: Conditions) -> Threshold | None:
    """The threshold for this metric and these conditions; None if none is known for them."""
    if metric != "euclidean" and conditions.normalization == "base_l2":  # the other metrics ignore the length
        conditions = replace(conditions, normalization="base")
    if without_threshold(model, conditions):
        return None
    measured = _measured(model, conditions)
    if measured is None:
        return Threshold(model.thresholds[metric], "deepface")
    return Threshold(measured.values[metric], "measured")


def without_threshold(model: Model, conditions: Conditions) -> dict[str, str]:
    """The options for which no threshold is known, each with the reason. Empty if there is a threshold.

    DeepFace's thresholds are for faces that a detector found, aligned by the eyes or not at all, as they are
    (github.com/serengil/deepface, `deepface/config/threshold.py`). Ninety pairs of strangers, Dlib: 90 of them are
    within its threshold with normalization Facenet, 83 with boxes twice as large, 87 with detector skip.
    """
    wrong = {}
    if conditions.normalization != "base":
        wrong["normalization"] = f"normalization {conditions.normalization}"
    if conditions.expand_percentage != 0:
        wrong["expand_percentage"] = f"expand_percentage {conditions.expand_percentage}"
    if conditions.detector == catalogue.NO_DETECTOR:
        wrong["detector_backend"] = f"detector {conditions.detector}"
    elif conditions.alignment in TEMPLATES and _measured(model, conditions) is None:
        option = "detector_backend" if has_template_threshold(model) else "alignment"
        wrong[option] = f"alignment template and detector {conditions.detector}"
    return wrong


def has_template_threshold(model: Model) -> bool:
    """Whether a threshold is known for faces cropped by the template of the model, behind at least one detector."""
    return any(one.alignment in TEMPLATES for one in model.measured_thresholds)


def confidence_of(model: Model, metric: str, conditions: Conditions, distance: float) -> float | None:
    """The measured confidence that two faces show one person, 0 to 100; None if none was measured.

    Of as many labelled pairs of one person as of strangers, all of this distance, it is the share of the former. It is
    50 at the threshold.
    """
    measured = None if without_threshold(model, conditions) else _measured(model, conditions)
    if measured is None or measured.spreads is None:
        return None
    exponent = (distance - measured.values[metric]) / measured.spreads[metric]
    return round(100 / (1 + math.exp(min(exponent, _MAX_EXPONENT))), 2)


def _measured(model: Model, conditions: Conditions) -> MeasuredThresholds | None:
    applies = (
        one
        for one in model.measured_thresholds
        if (one.alignment, one.detector) == (conditions.alignment, conditions.detector)
    )
    return next(applies, None)
