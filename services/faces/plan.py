"""A request with every option resolved. A service makes its plan once, before any other work."""

from dataclasses import dataclass
from typing import Literal

from services.deepface.interface import Detection, EmbeddingSpace
from services.models.catalogue import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to find the faces of an image, and whether to judge the liveness of each."""

    detection: Detection
    judges_liveness: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPlan(Plan):
    """How to find, embed and compare faces.

    `threshold` is the maximum distance, in the `metric`, between two faces of one person. `threshold_source` says
    whether the threshold is from the request or the model's own.
    """

    space: EmbeddingSpace
    metric: str
    threshold: float
    threshold_source: Literal["request", "model"]

    def own_threshold(self, metric: str) -> float:
        """The model's own threshold for a metric and the alignment of this plan."""
        return catalogue.find(self.space.model).threshold(metric, self.space.alignment)
