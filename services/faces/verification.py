"""The decision of a verification: which pair of faces decides, and what is answered of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.faces import VerifyResponse
from services.deepface.interface import Engine
from services.faces.liveness import is_spoof, liveness_keys
from services.faces.plan import EmbeddingPlan
from services.faces.reader import ReadFace, facial_area


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A face of the probe and what is nearest to it: a face of the other image, or the stored face of a person."""

    face: ReadFace
    distance: float
    other: ReadFace | None = None
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
    """The answer by the pair that decides, of at least one; they are in the order of the probe's faces.

    A pair of which one face is not live is never verified, however close. `started` is when the request began, of
    `time.monotonic`.
    """
    decides = deciding(np.array([pair.distance for pair in pairs]), of_frames=of_frames)
    pair = pairs[decides]
    sides = {"img1": pair.face} | ({} if pair.other is None else {"img2": pair.other})
    same_person = pair.distance <= plan.threshold
    live: dict[str, Any] = {}
    for side, read in sides.items():
        live |= liveness_keys(read.liveness, f"{side}_")
    return VerifyResponse(
        verified=same_person and not any(is_spoof(face.liveness) for face in sides.values()),
        distance=pair.distance,
        threshold=plan.threshold,
        confidence=engine.confidence(pair.distance, model=plan.space.model, metric=plan.metric, verified=same_person),
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
    """Which face of a probe decides, given the distance of each to what it is compared with.

    Of an image it is the nearest. Of the frames of a capture it is the middle one, of an even number the farther of the
    two in the middle: so a decision for a match is one of more than half of the frames.
    """
    return int(np.argsort(apart, kind="stable")[len(apart) // 2]) if of_frames else int(apart.argmin())
