"""Finds and crops faces: with DeepFace's own functions for its exact results, or in bounded copies of the image."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from deepface.models.Detector import FacialAreaRegion
from deepface.modules import detection

from core.exceptions import NoFaceDetected
from core.metrics.stages import stage
from core.timeouts import check_deadline
from services.deepface.alignment import cut_out, landmarks
from services.deepface.detectors import Found, Points, found_of
from services.deepface.interface import Detection, Face, FaceArea, Pixels, Point

_EYES = "eyes"
_BY_DEEPFACE = frozenset({"none", _EYES})

_LANDMARKS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")

_MAX_BATCH_BYTES = 2**22  # a larger crop is a batch of its own


def needs_predictor(how: Detection) -> bool:
    """Whether this kind of detection needs dlib's shape predictor to crop faces."""
    return how.detector != "skip" and (how.method != "deepface" or how.alignment not in _BY_DEEPFACE)


def as_deepface(image: Pixels, how: Detection, predictor: Any) -> list[Face]:
    """The faces that DeepFace finds, in the detector's order, cropped by DeepFace or by a template.

    Raises:
        FaceNotDetected, ImgNotFound: as `deepface.modules.detection.extract_faces`.
        DeadlineExceeded: the request's time ended.
    """
    by_template = needs_predictor(how)
    found = detection.extract_faces(
        img_path=image,
        detector_backend=how.detector,
        enforce_detection=how.enforce,
        align=how.alignment != "none",
        expand_percentage=0 if by_template else how.expand_percentage,
        max_faces=how.max_faces,
        color_face="bgr",
        normalize_face=False,
    )
    faces = []
    for face in found:
        check_deadline()
        area = FaceArea(**face["facial_area"])
        if by_template and face["confidence"]:
            before, seen = area, found_of(area)
            with stage("align", how.detector):
                crop = cut_out(image, seen, how.alignment, how.expand_percentage, predictor)
            area = _area(image, seen, how.expand_percentage)
        else:
            crop = face["face"].copy()  # a view would keep DeepFace's bordered image, four times the size
            before = _before_growth(area, how.expand_percentage)
        is_whole = not face["confidence"]
        faces.append(Face(area=area, confidence=face["confidence"], crop=crop, found=None if is_whole else before))
    return faces


def as_found(image: Pixels, found: list[Found], how: Detection, predictor: Any) -> list[Face]:
    """The found faces of the image, cropped as `how` says.

    Raises:
        NoFaceDetected: there is no face, and `how.enforce` is on.
        DeadlineExceeded: the request's time ended.
    """
    if not found:
        if how.enforce:
            raise NoFaceDetected
        height, width = image.shape[:2]
        return [Face(area=FaceArea(x=0, y=0, w=width - 1, h=height - 1), confidence=0, crop=image)]
    faces = []
    for face in found[: how.max_faces]:
        check_deadline()
        points = landmarks(image, face, predictor) if face.points is None else face.points
        seen = Found(box=face.box, score=face.score, points=points)
        if how.alignment in _BY_DEEPFACE:
            crop = _cut_by_deepface(image, seen, how)
        else:
            crop = cut_out(image, face, how.alignment, how.expand_percentage, predictor)
        if crop.size:
            area = _area(image, seen, how.expand_percentage)
            faces.append(Face(area=area, confidence=round(face.score, 2), crop=crop, found=_whole_area(face)))
    return faces


def _cut_by_deepface(image: Pixels, face: Found, how: Detection) -> Pixels:
    assert face.points is not None
    x, y, w, h = (int(value) for value in face.box)
    right_eye, left_eye = _whole(face.points[:2])
    cut = detection.extract_face(
        facial_area=FacialAreaRegion(x=x, y=y, w=w, h=h, left_eye=left_eye, right_eye=right_eye, confidence=face.score),
        img=image,
        align=how.alignment == _EYES,
        expand_percentage=how.expand_percentage,
        width_border=0,
        height_border=0,
        detector_backend=how.detector,
    )
    crop: Pixels = cut.img.copy()
    return crop


def with_landmarks(image: Pixels, area: FaceArea, predictor: Any) -> FaceArea:
    """The area with the eyes and the base of the nose that dlib's predictor finds in its box."""
    box = np.array([area.x, area.y, area.w, area.h], np.float64)
    points = landmarks(image, Found(box=box, score=0), predictor)
    return _area(image, Found(box=box, score=0, points=points), 0)


def _whole_area(face: Found) -> FaceArea:
    """The box and the landmarks of the detector, in whole pixels."""
    x, y, w, h = (round(value) for value in face.box)
    return FaceArea(x=x, y=y, w=w, h=h, **dict(zip(_LANDMARKS, _points(face), strict=False)))


def _points(face: Found) -> list[Point]:
    return [] if face.points is None else _whole(face.points)


def _area(image: Pixels, face: Found, expand_percentage: int) -> FaceArea:
    """The enlarged box, clipped to the image, and the landmarks that are inside the image."""
    height, width = image.shape[:2]
    x, y, w, h = (int(value) for value in face.box)
    (left, w), (top, h) = _grown(x, w, width, expand_percentage), _grown(y, h, height, expand_percentage)
    inside = {
        name: point
        for name, point in zip(_LANDMARKS, _points(face), strict=False)
        if 0 <= point[0] <= width and 0 <= point[1] <= height
    }
    return FaceArea(x=left, y=top, w=w, h=h, **inside)


def _grown(start: int, length: int, limit: int, percentage: int) -> tuple[int, int]:
    """Start and length of one side, enlarged as in DeepFace's `extract_face`, so that the area matches the crop."""
    if percentage:
        grown = length + int(length * percentage / 100)
        start = max(0, start - (grown - length) // 2)
        length = min(limit - start, grown)
    inside = max(0, start)
    return inside, max(0, min(limit, start + length) - inside)


def _before_growth(area: FaceArea, percentage: int) -> FaceArea:
    """The box before DeepFace enlarged it; to a pixel, if the enlarged one was not cut at the edge of the image."""
    w, h = (round(side / (1 + percentage / 100)) for side in (area.w, area.h))
    return replace(area, x=area.x + (area.w - w) // 2, y=area.y + (area.h - h) // 2, w=w, h=h)


def _whole(points: Points) -> list[Point]:
    return [(int(x), int(y)) for x, y in points]


def unit_scale(crop: Pixels) -> npt.NDArray[Any]:
    """The crop in [0, 1] as `extract_faces` returns it. A crop without values over 1 stays unchanged."""
    return crop / 255 if crop.max() > 1 else crop


def in_batches(crops: Sequence[Pixels], size: int) -> Iterator[list[Pixels]]:
    """The crops, at most `size` at a time: DeepFace makes floats of all crops that it gets, in eight times the memory.

    Raises:
        DeadlineExceeded: the request's time ended before the next batch.
    """
    batch: list[Pixels] = []
    for crop in crops:
        if batch and (len(batch) == size or sum(one.nbytes for one in (*batch, crop)) > _MAX_BATCH_BYTES):
            check_deadline()
            yield batch
            batch = []
        batch.append(crop)
    if batch:
        check_deadline()
        yield batch
