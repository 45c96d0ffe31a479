"""What a request asks for, every option resolved: made once, at the door of a service, from the request."""

from dataclasses import dataclass
from typing import Literal

from services.deepface.interface import Detection, EmbeddingSpace
from services.models.catalogue import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the faces of an image are found, and whether each is also judged live."""

    detection: Detection
    judges_liveness: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPlan(Plan):
    """How faces are found, embedded and compared.

    `threshold` is the largest distance, in the `metric`, between two faces of one person; `threshold_source` says
    whether the request gives it or it is the model's own.
    """

    space: EmbeddingSpace
    metric: str
    threshold: float
    threshold_source: Literal["request", "model"]

    def own_threshold(self, metric: str) -> float:
        """The model's own threshold in a metric, for faces aligned as here."""
        return catalogue.find(self.space.model).threshold(metric, self.space.alignment)
