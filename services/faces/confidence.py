"""How certain it is that two faces show one person."""

from services.deepface.interface import Engine
from services.faces.plan import EmbeddingPlan, conditions_of
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATES
from services.models.thresholds import confidence_of


def confidence(distance: float, plan: EmbeddingPlan, engine: Engine, *, is_detected: bool = True) -> float | None:
    """The confidence in percent, for a distance in the metric of the plan; None if there is none.

    It was measured for the same embedding space and detector, or it is DeepFace's. DeepFace's was made for DeepFace's
    own crops. So there is none for a template that was not measured, and none for one if a face was not found.

    Raises:
        ValidationFailed: as `EmbeddingPlan.threshold`.
    """
    conditions = conditions_of(plan.space, plan.detection)
    if conditions.alignment in TEMPLATES:
        model = catalogue.find(plan.space.model)
        return confidence_of(model, plan.metric, conditions, distance) if is_detected else None
    verified = distance <= plan.threshold and plan.decides_about(is_detected=is_detected)
    return engine.confidence(distance, model=plan.space.model, metric=plan.metric, verified=verified)
