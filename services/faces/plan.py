"""A request with every option resolved. A service makes its plan once, before any other work."""

from dataclasses import dataclass, replace
from typing import Literal

from typing_extensions import override

from core.exceptions import ValidationFailed
from services.deepface.interface import Detection, EmbeddingSpace
from services.models.catalogue import catalogue
from services.models.thresholds import Conditions, Threshold, without_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to find the faces of an image, and whether to judge the liveness and the quality of each.

    With `only_surest_face`, the image has one face: that of which the detector is most certain. With `refuses_spoofs`,
    a face that is not live is an error. A face does not count if the detector's confidence, 0 to 1, is below
    `min_confidence`.
    """

    detection: Detection
    judges_liveness: bool
    only_surest_face: bool = False
    refuses_spoofs: bool = False
    judges_quality: bool = False
    min_confidence: float = 0.0

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the plan needs."""
        return (self.detection.detector, *((catalogue.LIVENESS,) if self.judges_liveness else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPlan(Plan):
    """How to find, embed and compare faces.

    `own_threshold` is the service's for the metric, the embedding space and the detector; None if none is known.
    `limit` is the request's threshold, else the service's own; None if there is neither. `also` is a plan whose
    detection and embedding space each face is embedded in besides.
    """

    space: EmbeddingSpace
    metric: str
    own_threshold: Threshold | None
    limit: Threshold | None
    also: "EmbeddingPlan | None" = None

    @property
    @override
    def models(self) -> tuple[str, ...]:
        return (self.space.model, self.detection.detector, *((catalogue.LIVENESS,) if self.judges_liveness else ()))

    @property
    def threshold(self) -> float:
        """The maximum distance, in the metric, between two faces of one person.

        Raises:
            ValidationFailed: there is none. The error names each option for which no threshold is known.
        """
        return self.require_threshold().value

    @property
    def threshold_source(self) -> Literal["request", "measured", "deepface"]:
        """Where `threshold` is from. Raises as `threshold`."""
        return self.require_threshold().source

    def decides_about(self, *, is_detected: bool) -> bool:
        """Whether the threshold holds for a face. The service's own does not hold for an image without a face."""
        return is_detected or self.threshold_source == "request"

    @property
    def strict_threshold(self) -> float:
        """The service's own threshold, whatever the request's is; the request's only where there is no own one.

        It decides what protects others: the lock of a person, and whether frames show one person. Raises as
        `threshold`.
        """
        return self.threshold if self.own_threshold is None else self.own_threshold.value

    def as_strict_as(self, other: "EmbeddingPlan") -> "EmbeddingPlan":
        """The plan with its threshold lowered as far as a request lowered that of the `other`; never raised.

        Raises as `threshold`.
        """
        own = other.own_threshold
        if own is None or not own.value or other.threshold >= own.value:
            return self
        limit = self.require_threshold()
        return replace(self, limit=Threshold(limit.value * other.threshold / own.value, limit.source))

    def require_threshold(self) -> Threshold:
        """The `limit`. Raises as `threshold`."""
        if self.limit is None:
            raise ValidationFailed(
                [
                    {"field": option, "msg": f"No threshold is known for {self.space.model} with {value}: send one"}
                    for option, value in self.without_threshold().items()
                ]
            )
        return self.limit

    def without_threshold(self) -> dict[str, str]:
        """The options for which no threshold is known, each with its value in words."""
        return without_threshold(catalogue.find(self.space.model), conditions_of(self.space, self.detection))


def conditions_of(space: EmbeddingSpace, detection: Detection) -> Conditions:
    """The conditions of distances between faces of this embedding space that were found this way."""
    return Conditions(
        alignment=space.alignment,
        normalization=space.normalization,
        expand_percentage=space.expand_percentage,
        detector=detection.detector,
    )
