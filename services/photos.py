"""From a photo of the folder to the faces in it."""

import os
import time
from typing import BinaryIO

import numpy as np

from core.exceptions import DeepFaceError, ImageDecodeError, ImageTooLarge, NoFaceDetected
from core.files import OutsideRoot, Signature, open_beneath, signature_of
from core.images import ImagePolicy, decode, read_limited
from services.engine.base import Detection, Engine
from services.options import crop_of
from services.stores.base import IndexKey, PhotoFaces

# File systems take the time of a change from a clock of their own, which ticks every few milliseconds: of two changes
# within a tick the second leaves no trace in the signature.
_CLOCK_TICK_S = 0.02


class PhotoUnavailable(Exception):
    """The photo could not be read or embedded for a reason that may pass; the message is an error code."""


class PhotoEmbedder:
    """Embeds the faces of the folder's photos, as an index's key says."""

    def __init__(self, *, engine: Engine, policy: ImagePolicy) -> None:
        self._engine = engine
        self._policy = policy

    def faces(self, key: IndexKey, name: str) -> PhotoFaces:
        """The faces of one photo; none, and the problem, if it is no picture or shows no face.

        Raises:
            PhotoUnavailable: it cannot be had now, or is changing.
            ServiceError: as `Engine.load`.
        """
        try:
            with open_beneath(key.folder, name) as file:
                signature = _settled(file)
                content = read_limited(file, self._policy)
                if signature_of(os.fstat(file.fileno())) != signature:
                    raise PhotoUnavailable("changing")
            return self._embedded(key, signature, content)
        except (NoFaceDetected, ImageDecodeError) as error:
            return PhotoFaces(
                signature=signature,
                boxes=np.empty((0, 4), np.int32),
                embeddings=np.empty((0, 0), np.float32),
                problem=error.code,
            )
        except (ImageTooLarge, DeepFaceError) as error:
            raise PhotoUnavailable(error.code) from error
        except (OSError, OutsideRoot) as error:
            raise PhotoUnavailable("unreadable") from error

    def _embedded(self, key: IndexKey, signature: Signature, content: bytes) -> PhotoFaces:
        space = key.space
        detection = Detection(
            detector=key.detector,
            method=space.detection,
            alignment=crop_of(space.alignment, space.model),
            expand_percentage=space.expand_percentage,
        )
        with self._engine.lane():
            found = self._engine.detect(decode(content, self._policy), detection)
            crops = [face.crop for face in found]
            embeddings = self._engine.embed(crops, model=space.model, normalization=space.normalization)
        boxes = np.array([[face.area.x, face.area.y, face.area.w, face.area.h] for face in found], np.int32)
        return PhotoFaces(
            signature=signature, boxes=boxes.reshape(-1, 4), embeddings=np.asarray(embeddings, np.float32)
        )


def _settled(file: BinaryIO) -> Signature:
    """The signature of the open file, once any other change would give it another."""
    while True:
        status = os.fstat(file.fileno())
        age_s = time.time() - status.st_ctime
        if not 0 <= age_s < _CLOCK_TICK_S:
            return signature_of(status)
        time.sleep(_CLOCK_TICK_S - age_s)
