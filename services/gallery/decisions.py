"""Decides who a face is, and what the audit trail keeps of it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.metrics.decisions import count_decision
from schemas.gallery import IdentifyResponse, MatchByDefault
from services.audit.events import Event
from services.audit.recorder import new_event
from services.faces.plan import EmbeddingPlan
from services.gallery.store.values import PersonMatch

# Two persons are ambiguous if their distances differ by less than this share of the threshold.
_MARGIN = 0.1


class Near(NamedTuple):
    """A person near a face, and the plan by which they were compared."""

    match: PersonMatch
    plan: EmbeddingPlan

    @property
    def is_within(self) -> bool:
        """Whether the distance is within the threshold."""
        return self.match.distance <= self.plan.threshold

    def share(self) -> float:
        """The distance as a share of the threshold, by which embedding spaces can be compared."""
        if self.plan.threshold:
            return self.match.distance / self.plan.threshold
        return math.inf if self.match.distance else 0.0


def decided(near: Sequence[Near]) -> tuple[str, str]:
    """The decision about a face, and its reason, for the nearest persons: at least two, if there are so many."""
    if not near:
        return "unknown", "No enrolled persons to compare with."
    if not near[0].is_within:
        return "unknown", "No person is within the threshold."
    if len(near) > 1 and near[1].is_within and near[1].share() - near[0].share() < _MARGIN:
        return "ambiguous", "Two persons are almost equally close."
    return "match", "One person is within the threshold and clearly the closest."


def decision_events(action: str, collection: str, answer: IdentifyResponse, threshold: float) -> list[Event]:
    """One event per face with its decision; only a match names a person."""
    events = []
    for face in answer.result:
        nearest = face.matches[0] if face.matches else None
        about: dict[str, Any] = {
            "model": nearest.model if isinstance(nearest, MatchByDefault) else answer.model,
            "similarity_metric": answer.similarity_metric,
            "threshold": threshold if nearest is None else nearest.threshold,
        }
        distance = None if nearest is None else nearest.distance
        count_decision(face.decision, model=about["model"], metric=answer.similarity_metric, distance=distance)
        who = {}
        if nearest is not None and face.decision == "match":
            who = {"person_id": nearest.person_id, "face_id": nearest.face_id}
        events.append(new_event(action, face.decision, collection=collection, **who, **about, distance=distance))
    return events
