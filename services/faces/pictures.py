"""The use case of looking at an answer: the image of a request with the boxes and labels of its faces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import cv2
from PIL import Image, ImageDraw, ImageFont

from core.images.decoding import ImagePolicy
from core.images.pixels import Pixels
from core.images.sources import managed_image
from core.images.thumbnails import shrunk
from schemas.common import FacialArea
from schemas.faces import AnalyzedFace, AnalyzeResponse, ExtractedFace, ExtractResponse, Liveness
from services.deepface.interface import Engine

MAX_SIDE_PX = 2048  # of the picture; the PNG of a larger one takes seconds
_LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")

# Readable on light and dark photos: the line has a darker edge, and the label a ground.
_LINE, _EDGE, _TEXT = "#ffd166", "#1b1b1b", "#1b1b1b"


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A face to draw: its place in the upright image, and its label."""

    area: FacialArea
    label: str


class PictureService:
    """Draws the faces of an answer on the image of the request."""

    def __init__(self, *, engine: Engine, policy: ImagePolicy) -> None:
        self._engine = engine
        self._policy = policy

    def draw(self, source: str | bytes, answer: ExtractResponse | AnalyzeResponse) -> bytes:
        """The upright image as PNG with every face of the answer, its longer side at most MAX_SIDE_PX.

        Raises:
            ImageError: as `managed_image`.
            DeadlineExceeded: as `Engine.lane`.
        """
        with managed_image(source, field="img", policy=self._policy, lane=self._engine.lane()) as image:
            return _picture(image, list(_faces(answer)))


def _faces(answer: ExtractResponse | AnalyzeResponse) -> Iterator[_Drawn]:
    faces: Sequence[AnalyzedFace | ExtractedFace] = answer.result
    for number, face in enumerate(faces, start=1):
        if isinstance(face, AnalyzedFace):
            yield _Drawn(face.region, ", ".join([f"{number}", *_attributes(face), *_liveness(face)]))
        else:
            yield _Drawn(face.facial_area, ", ".join([f"{number}", f"{face.confidence:.0%}", *_liveness(face)]))


def _attributes(face: AnalyzedFace) -> Iterator[str]:
    for value in (face.dominant_gender, face.age, face.dominant_emotion, face.dominant_race):
        if value is not None:
            yield str(value)


def _liveness(face: Liveness) -> Iterator[str]:
    if face.is_real is not None:
        yield "live" if face.is_real else "not live"


def _picture(image: Pixels, faces: list[_Drawn]) -> bytes:
    """The PNG of a BGR image with these faces."""
    small = shrunk(image, MAX_SIDE_PX)
    scale = small.shape[1] / image.shape[1]
    picture = Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
    draw = ImageDraw.Draw(picture)
    unit = max(1, round(max(small.shape[:2]) / 500))  # pixels of a thin line
    for face in faces:
        _draw_face(draw, face, scale, unit)
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _draw_face(draw: ImageDraw.ImageDraw, face: _Drawn, scale: float, unit: int) -> None:
    area = face.area
    left, top = area.x * scale, area.y * scale
    right, bottom = left + area.w * scale, top + area.h * scale
    edge = (left - unit, top - unit, right + unit, bottom + unit)
    draw.rounded_rectangle(edge, radius=4 * unit, outline=_EDGE, width=4 * unit)
    draw.rounded_rectangle((left, top, right, bottom), radius=3 * unit, outline=_LINE, width=2 * unit)
    for x, y in filter(None, (getattr(area, name) for name in _LANDMARKS)):
        draw.circle((x * scale, y * scale), 2 * unit, fill=_LINE, outline=_EDGE)
    font = ImageFont.load_default(10 + 4 * unit)
    _, _, width, height = draw.textbbox((0, 0), face.label, font=font)
    place = (max(0, left), top - height - 4 * unit if top > height + 4 * unit else bottom + 2 * unit)
    ground = (place[0], place[1], place[0] + width + 4 * unit, place[1] + height + 3 * unit)
    draw.rounded_rectangle(ground, radius=2 * unit, fill=_LINE)
    draw.text((place[0] + 2 * unit, place[1] + unit), face.label, fill=_TEXT, font=font)
