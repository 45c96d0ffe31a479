"""Measures the quality of a face for the gallery from its box, landmarks, crop and detector."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from core.metrics.definitions import QUALITY_FINDINGS
from schemas.faces import JudgedFace, QualityMeasures, QualityRequest, QualityResponse
from services.deepface.interface import FaceArea
from services.faces.options import Defaults
from services.faces.reader import DetectedFace, FaceReader, facial_area
from services.models.catalogue import catalogue

# Sharpness is measured at this size, so that it does not depend on the size of the image.
_SIDE_PX = 112

# 95 % of press photos of 250 x 250 reach the good values, and 99 % the least ones; less is not good enough. Blurred by
# a Gaussian of 2 px at 112 px, the same photos have a sharpness of 5 to 20. With a fifth of the light, they have a
# brightness below 36.
_GOOD = {"sharpness": 50.0, "detail": 16.0, "brightness": 90.0, "size_px": 80.0}
_LEAST = {"sharpness": 25.0, "detail": 8.0, "brightness": 50.0, "size_px": 40.0}
_MAX_TURNED = 0.5

# How much farther aside the tip of the nose is than its base, which dlib's predictor gives. Of 75 photos the regression
# is 1.38 with dlib's boxes and 1.40 with opencv's. With this value, no good photo is below MIN_QUALITY.
_TIP_PER_BASE = 1.3

# Least certainty of the detector. 75 good photos have more with each of dlib, YuNet and opencv.
_MIN_CERTAINTY = 0.45

# Margins of the second look that mean no certainty and full certainty: as dlib's `confidence_scale`.
_MARGIN_SCALE = (0.0, 0.3)

# Detail is measured from this frequency on, in waves per side of the crop. Of 75 good photos, the least detail is 8.5.
# Blurred by a Gaussian of 2 px at 112 px, they have 0.3 to 4.5; from faces of 20 px enlarged 0.3 to 2.2, and from faces
# of 30 px 0.7 to 12.5, one in ten more than 8.
_DETAIL_WAVES = 20
_STRUCTURE_WAVES = 4  # larger waves are the light, not the face

# Heads are tilted less than this; a face that lies on its side or upside down is turned more.
_MAX_TILT_DEGREES = 60.0

_REASONS = {"sharpness": "blurred", "detail": "blurred", "brightness": "too_dark", "size_px": "too_small"}

ADVICE = {
    "no_face": "Send an image of a face. With the detector skip, no face is looked for; use another detector.",
    "uncertain": "Show the whole face from the front, without anything before it.",
    "upside_down": "Turn the image so that the face is upright.",
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
    - `detail`: the part of the crop's variation that is in small waves, in thousandths. A small face that was enlarged
      has little of it, whatever its sharpness.
    - `brightness`: mean of the grey crop, 0 to 255.
    - `size_px`: shorter side of the box.
    - `turn`: offset of the nose from the midpoint of the eyes, along their line, divided by the distance of the eyes.
      0 is straight ahead; None without a face. If only the base of the nose is known, as estimated for its tip.
    - `score`: the lowest measure relative to its good value, 0 to 1. The certainty of the detector counts as a measure.
      0 if no face was found, or if the face is not upright.
    - `reasons`: what is not good enough.
    """

    sharpness: float
    detail: float
    brightness: float
    size_px: int
    turn: float | None
    score: float
    reasons: tuple[str, ...]


def measure_quality(read: DetectedFace) -> Quality:
    """The quality of a face. The score of an empty crop is 0."""
    face = read.face
    values = {"sharpness": 0.0, "detail": 0.0, "brightness": 0.0, "size_px": float(min(face.area.w, face.area.h))}
    if face.crop.size:
        grey = cv2.resize(
            cv2.cvtColor(face.crop, cv2.COLOR_BGR2GRAY), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
        values["sharpness"] = float(cv2.Laplacian(grey, cv2.CV_64F).var())
        values["detail"] = _detail(grey)
        values["brightness"] = float(grey.mean())
    turn, certainty = _turn(read), _certainty(read)
    reasons = []
    shares = [values[name] / good for name, good in _GOOD.items()]
    if not read.is_detected:
        reasons.append("no_face")
        shares.append(0)
    elif certainty is not None:
        reasons += ["uncertain"] if certainty < _MIN_CERTAINTY else []
        shares.append(certainty)
    if (read.second_look is not None and read.second_look.quarter_turns) or _tilt_degrees(
        face.area
    ) > _MAX_TILT_DEGREES:
        reasons.append("upside_down")
        shares.append(0)
    reasons += dict.fromkeys(_REASONS[name] for name, least in _LEAST.items() if values[name] < least)
    if turn is not None:
        reasons += ["turned"] if turn > _MAX_TURNED else []
        shares.append(1 - turn)
    return Quality(
        sharpness=round(values["sharpness"], 1),
        detail=round(values["detail"], 1),
        brightness=round(values["brightness"], 1),
        size_px=int(values["size_px"]),
        turn=None if turn is None else round(turn, 2),
        score=round(max(0.0, min(1.0, *shares)), 2),
        reasons=tuple(reasons),
    )


def _detail(grey: Any) -> float:
    """The energy of waves of `_DETAIL_WAVES` and more, in thousandths of that of `_STRUCTURE_WAVES` and more."""
    window = np.hanning(_SIDE_PX)  # without it, the edges of the crop count as detail
    energy = np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(window, window))) ** 2
    waves = np.fft.fftfreq(_SIDE_PX, 1 / _SIDE_PX)
    length = np.hypot(waves[:, None], waves)
    structure = energy[(length >= _STRUCTURE_WAVES) & (length < _SIDE_PX / 2)].sum()
    detail = energy[(length >= _DETAIL_WAVES) & (length < _SIDE_PX / 2)].sum()
    return float(1000 * detail / structure) if structure else 0.0


def _certainty(read: DetectedFace) -> float | None:
    """How certain it is that this is a face, 0 to 1; None if neither the confidence nor a second look tells."""
    scale = catalogue.find(read.detector).confidence_scale
    if scale is not None:
        return _share(read.face.confidence, scale)
    return None if read.second_look is None else _share(read.second_look.margin, _MARGIN_SCALE)


def _share(value: float, scale: tuple[float, float]) -> float:
    none, full = scale
    return min(1.0, max(0.0, (value - none) / (full - none)))


def _turn(read: DetectedFace) -> float | None:
    area = read.face.area if read.second_look is None else read.second_look.area
    if not read.is_detected or area.nose is None or area.left_eye is None or area.right_eye is None:
        return None
    left, right, nose = (np.array(point, float) for point in (area.left_eye, area.right_eye, area.nose))
    between = right - left
    distance = float(np.linalg.norm(between))
    if distance == 0:
        return None
    aside = float(abs((nose - (left + right) / 2) @ between) / distance**2)
    has_mouth = area.mouth_left is not None or area.mouth_right is not None
    return aside if has_mouth else _TIP_PER_BASE * aside  # dlib's predictor gives no mouth


def _tilt_degrees(area: FaceArea) -> float:
    """The angle between the face's own downward direction and that of the image, 0 to 180; 0 if it is not known.

    The direction leads from the eyes to the mouth. Without a mouth, it is at a right angle to the line of the eyes.
    """
    if area.left_eye is None or area.right_eye is None:
        return 0
    left, right = np.array(area.left_eye, float), np.array(area.right_eye, float)
    across = left - right  # the person's left eye is on the right side of the image
    down = np.array([-across[1], across[0]])
    if area.mouth_left is not None and area.mouth_right is not None:
        down = (np.array(area.mouth_left, float) + area.mouth_right - left - right) / 2
    return float(abs(np.degrees(np.arctan2(down[0], down[1])))) if down.any() else 0


def count_findings(quality: Quality) -> None:
    """Count the reasons of a face for the metrics: once for each face that is judged."""
    for reason in quality.reasons:
        QUALITY_FINDINGS.labels(reason).inc()


def problems(quality: Quality) -> str:
    """The score with its reasons, in words for a message."""
    return f"quality {quality.score:g}" + (f" ({', '.join(quality.reasons)})" if quality.reasons else "")


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
        plan = replace(self._defaults.plan(request), judges_quality=True)
        with self._reader.faces(request.img, "img", plan) as faces:
            judged = [(read.face, measure_quality(read)) for read in faces]
        for _, quality in judged:
            count_findings(quality)
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
                )
                for face, quality in judged
            ],
        )
