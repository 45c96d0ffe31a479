"""Finds and embeds the faces in a photo of the folder."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import BinaryIO

import numpy as np

from core.exceptions import DeepFaceError, ImageDecodeError, ImageTooLarge, NoFaceDetected
from core.files import OutsideRoot, Signature, open_beneath, signature_of
from core.images.decoding import ImagePolicy, decode, read_limited
from core.images.header import ACCEPTED, image_format
from core.metrics.definitions import FACES
from services.deepface.interface import Detection, EmbeddingSpace, Engine, Pixels
from services.faces.options import crop_of
from services.find.index import UNREADABLE, UNSUPPORTED_FORMAT, Boxes, Floats, IndexKey, PhotoFaces

# File systems take the time of a change from a clock that ticks every few milliseconds. If a file changes twice within
# a tick, the second change does not show in the signature.
_CLOCK_TICK_S = 0.02

CHANGING = "changing"  # the reason for a photo that is being written


class PhotoUnavailable(Exception):
    """The photo could not be read or embedded for a temporary reason. The message is an error code."""


# The name of a photo with its faces, or with the error.
Embedded = tuple[str, PhotoFaces | PhotoUnavailable]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedPhoto:
    """A photo at the time of its `signature`, with the crops of its faces. A photo without faces has a `problem`.

    `boxes` is int32 of shape (n, 4): x, y, w, h of each crop in pixels.
    """

    name: str
    signature: Signature
    boxes: Boxes
    crops: Sequence[Pixels]
    problem: str = ""


class PhotoEmbedder:
    """Finds and embeds the faces of the folder's photos with the options in the key of an index.

    Of more than `max_faces` faces in a photo, the largest count.
    """

    def __init__(self, *, engine: Engine, policy: ImagePolicy, max_faces: int) -> None:
        self._engine = engine
        self._policy = policy
        self._max_faces = max_faces

    def detected(self, key: IndexKey, name: str) -> DetectedPhoto:
        """The faces of one photo. If the photo shows no face or cannot be read, the result has only a problem.

        Such a photo is tried again when it changes.

        Raises:
            PhotoUnavailable: the photo cannot be read now, or it is changing.
            ServiceError: as `Engine.load`.
        """
        content = b""
        try:
            with open_beneath(key.folder, name) as file:
                signature = _settled(file)
                content = read_limited(file, self._policy)
                if signature_of(os.fstat(file.fileno())) != signature:
                    raise PhotoUnavailable(CHANGING)
            return self._detected(key, name, signature, content)
        except (NoFaceDetected, ImageDecodeError, ImageTooLarge) as error:
            is_other = isinstance(error, ImageDecodeError) and image_format(content) not in (None, *ACCEPTED)
            return _failed(name, signature, UNSUPPORTED_FORMAT if is_other else error.code)
        except DeepFaceError as error:
            raise PhotoUnavailable(error.code) from error
        except PermissionError as error:
            with suppress(OSError):
                status = os.stat(os.path.join(key.folder, name), follow_symlinks=False)
                return _failed(name, signature_of(status), UNREADABLE)
            raise PhotoUnavailable(UNREADABLE) from error
        except (OSError, OutsideRoot) as error:
            raise PhotoUnavailable(UNREADABLE) from error

    def embedded(self, key: IndexKey, photos: Sequence[DetectedPhoto]) -> list[Embedded]:
        """Each photo with its embedded faces. All faces are embedded together, but a photo fails only for its own.

        Raises:
            ServiceError: as `Engine.load`.
        """
        try:
            embeddings = self._embeddings(key.space, [crop for photo in photos for crop in photo.crops])
        except DeepFaceError as error:
            if len(photos) > 1:
                return [result for photo in photos for result in self.embedded(key, [photo])]
            failed = PhotoUnavailable(error.code)
            failed.__cause__ = error
            return [(photos[0].name, failed)]
        ends = accumulate((len(photo.crops) for photo in photos), initial=0)
        return [
            (photo.name, _faces(photo, embeddings[start:end]))
            for photo, (start, end) in zip(photos, pairwise(ends), strict=True)
        ]

    def _embeddings(self, space: EmbeddingSpace, crops: Sequence[Pixels]) -> Floats:
        if not crops:
            return np.empty((0, 0), np.float32)
        embeddings = self._engine.embed(
            crops, model=space.model, normalization=space.normalization, alignment=space.alignment
        )
        return np.asarray(embeddings, np.float32)

    def _detected(self, key: IndexKey, name: str, signature: Signature, content: bytes) -> DetectedPhoto:
        space = key.space
        detection = Detection(
            detector=key.detector,
            method=space.detection,
            alignment=crop_of(space.alignment, space.model),
            expand_percentage=space.expand_percentage,
            max_faces=self._max_faces,
        )
        with self._engine.lane():
            found = self._engine.detect(decode(content, self._policy), detection)
        FACES.labels("index").inc(len(found))
        boxes = np.array([[face.area.x, face.area.y, face.area.w, face.area.h] for face in found], np.int32)
        return DetectedPhoto(
            name=name,
            signature=signature,
            boxes=boxes.reshape(-1, 4),
            # A crop that is a view would keep the whole image in memory.
            crops=[face.crop if face.crop.base is None else face.crop.copy() for face in found],
        )


def _failed(name: str, signature: Signature, problem: str) -> DetectedPhoto:
    return DetectedPhoto(name=name, signature=signature, boxes=np.empty((0, 4), np.int32), crops=(), problem=problem)


def _faces(photo: DetectedPhoto, embeddings: Floats) -> PhotoFaces:
    return PhotoFaces(signature=photo.signature, boxes=photo.boxes, embeddings=embeddings, problem=photo.problem)


def _settled(file: BinaryIO) -> Signature:
    """The signature of the open file, as soon as any further change is sure to change it."""
    while True:
        status = os.fstat(file.fileno())
        age_s = time.time() - status.st_ctime
        if not 0 <= age_s < _CLOCK_TICK_S:
            return signature_of(status)
        time.sleep(_CLOCK_TICK_S - age_s)
