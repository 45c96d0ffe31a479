"""Decides a verification: selects the deciding pair of faces and makes the response."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.metrics.decisions import count_decision
from schemas.faces import VerifyResponse
from services.deepface.interface import Engine
from services.faces.confidence import confidence
from services.faces.liveness import is_spoof, liveness_keys
from services.faces.plan import EmbeddingPlan
from services.faces.reader import DetectedFace, facial_area


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A face of the probe and the nearest face: from the other image, or stored for a person."""

    face: DetectedFace
    distance: float
    other: DetectedFace | None = None
    face_id: str | None = None


def decide(
    pairs: Sequence[Pair],
    plan: EmbeddingPlan,
    *,
    engine: Engine,
    of_frames: bool,
    started: float,
    person_id: str | None = None,
) -> VerifyResponse:
    """The response for the deciding pair. `pairs` has at least one, in the order of the probe's faces.

    A pair with a face that is not live is never verified, however close it is. Nor is one with an image without a face,
    unless the request has a threshold: the service's own does not hold there. `started` is the start of the request,
    as `time.monotonic`.
    """
    decides = deciding(np.array([pair.distance for pair in pairs]), of_frames=of_frames)
    pair = pairs[decides]
    sides = {"img1": pair.face} | ({} if pair.other is None else {"img2": pair.other})
    is_detected = all(face.is_detected for face in sides.values())
    same_person = pair.distance <= plan.threshold and plan.decides_about(is_detected=is_detected)
    live: dict[str, Any] = {}
    for side, read in sides.items():
        live |= liveness_keys(read.liveness, f"{side}_")
    verified = same_person and not any(is_spoof(face.liveness) for face in sides.values())
    decision = "match" if verified else "no_match"
    count_decision(decision, model=plan.space.model, metric=plan.metric, distance=pair.distance)
    return VerifyResponse(
        verified=verified,
        distance=pair.distance,
        threshold=plan.threshold,
        threshold_source=plan.threshold_source,
        confidence=confidence(pair.distance, plan, engine, is_detected=is_detected),
        model=plan.space.model,
        detector_backend=plan.detection.detector,
        similarity_metric=plan.metric,
        facial_areas={side: facial_area(read.face.area) for side, read in sides.items()},
        person_id=person_id,
        face_id=pair.face_id,
        frame=decides if of_frames else None,
        time=round(time.monotonic() - started, 3),
        **live,
    )


def deciding(apart: npt.NDArray[np.float64], *, of_frames: bool) -> int:
    """The index of the deciding face of a probe, given the distance of each face to its counterpart.

    For an image, the nearest face decides. For the frames of a capture, the middle one decides; for an even number, the
    farther of the two in the middle. So a match means that more than half of the frames match.
    """
    return int(np.argsort(apart, kind="stable")[len(apart) // 2]) if of_frames else int(apart.argmin())
