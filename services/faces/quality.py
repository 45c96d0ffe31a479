"""Measures the quality of a face for the gallery from its box, landmarks and crop."""

from dataclasses import dataclass

import cv2
import numpy as np

from schemas.faces import JudgedFace, QualityMeasures, QualityRequest, QualityResponse
from services.deepface.interface import Face, FaceArea
from services.faces.options import Defaults
from services.faces.reader import FaceReader, facial_area

# Sharpness is measured at this size, so that it does not depend on the size of the image.
_SIDE_PX = 112

# 95 % of press photos of 250 x 250 reach the good values, and 99 % the least ones; less is not good enough. Blurred by
# a Gaussian of 2 px at 112 px, the same photos have a sharpness of 5 to 20. With a fifth of the light, they have a
# brightness below 36.
_GOOD = {"sharpness": 50.0, "brightness": 90.0, "size_px": 64.0}
_LEAST = {"sharpness": 25.0, "brightness": 50.0, "size_px": 40.0}
_MAX_TURNED = 0.5

_REASONS = {"sharpness": "blurred", "brightness": "too_dark", "size_px": "too_small"}

ADVICE = {
    "blurred": "Hold the camera still and focus on the face.",
    "too_dark": "Turn on a light in front of the face.",
    "too_small": "Move closer, or send the image at a higher resolution.",
    "turned": "Look straight into the camera.",
    "several_faces": "Send an image of one person only.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The measures of one face.

    - `sharpness`: variance of the Laplacian of the grey crop at 112 x 112 (Pech-Pacheco et al., ICPR 2000).
    - `brightness`: mean of the grey crop, 0 to 255.
    - `size_px`: shorter side of the box.
    - `turn`: offset of the nose from the midpoint of the eyes, along their line, divided by the distance of the eyes.
      0 is straight ahead; None if the detector gives no nose.
    - `score`: the lowest measure relative to its good value, 0 to 1.
    - `reasons`: names of the measures that are not good enough.
    """

    sharpness: float
    brightness: float
    size_px: int
    turn: float | None
    score: float
    reasons: tuple[str, ...]


def measure_quality(face: Face) -> Quality:
    """The quality of a face. The score of an empty crop is 0."""
    values = {"sharpness": 0.0, "brightness": 0.0, "size_px": float(min(face.area.w, face.area.h))}
    if face.crop.size:
        grey = cv2.resize(
            cv2.cvtColor(face.crop, cv2.COLOR_BGR2GRAY), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
        values["sharpness"] = float(cv2.Laplacian(grey, cv2.CV_64F).var())
        values["brightness"] = float(grey.mean())
    turn = _turn(face.area)
    reasons = [_REASONS[name] for name, least in _LEAST.items() if values[name] < least]
    shares = [values[name] / good for name, good in _GOOD.items()]
    if turn is not None:
        reasons += ["turned"] if turn > _MAX_TURNED else []
        shares.append(1 - turn)
    return Quality(
        sharpness=round(values["sharpness"], 1),
        brightness=round(values["brightness"], 1),
        size_px=int(values["size_px"]),
        turn=None if turn is None else round(turn, 2),
        score=round(max(0.0, min(1.0, *shares)), 2),
        reasons=tuple(reasons),
    )


def _turn(area: FaceArea) -> float | None:
    if area.nose is None or area.left_eye is None or area.right_eye is None:
        return None
    left, right, nose = (np.array(point, float) for point in (area.left_eye, area.right_eye, area.nose))
    between = right - left
    distance = float(np.linalg.norm(between))
    if distance == 0:
        return None
    return float(abs((nose - (left + right) / 2) @ between) / distance**2)


def measures(quality: Quality) -> QualityMeasures:
    """The response body for the quality of a face."""
    return QualityMeasures.model_validate(quality, from_attributes=True)


class QualityService:
    """Judges images before they are registered."""

    def __init__(self, *, reader: FaceReader, defaults: Defaults) -> None:
        self._reader = reader
        self._defaults = defaults

    def judge(self, request: QualityRequest) -> QualityResponse:
        """Whether an image is good enough for the gallery: it shows one face, and the face has no problem.

        Raises:
            As `FaceReader.faces`.
        """
        with self._reader.faces(request.img, "img", self._defaults.plan(request)) as faces:
            judged = [(read.face, measure_quality(read.face)) for read in faces]
        largest = max(judged, key=lambda pair: pair[0].area.w * pair[0].area.h, default=None)
        reasons = ["several_faces"] if len(judged) > 1 else []
        reasons += [] if largest is None else largest[1].reasons
        return QualityResponse(
            acceptable=largest is not None and not reasons,
            reasons=reasons,
            advice=[ADVICE[reason] for reason in reasons],
            count=len(judged),
            faces_truncated=faces.truncated,
            result=[
                JudgedFace(
                    facial_area=facial_area(face.area),
                    face_confidence=face.confidence,
                    quality=measures(quality),
                    reasons=list(quality.reasons),
                    advice=[ADVICE[reason] for reason in quality.reasons],
                    not_judged=["turned"] if quality.turn is None else [],
                )
                for face, quality in judged
            ],
        )
