"""From an image source to its faces, the first step of every use-case."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.images.decoding import ImagePolicy
from core.images.sources import managed_image
from core.logging import annotate
from schemas.common import DetectionOptions, EmbeddingOptions, FacialArea
from services.deepface.interface import Engine, Face, FaceArea, LivenessScore, Pixels
from services.faces.liveness import judged
from services.faces.options import Defaults
from services.models.catalogue.catalogue import LIVENESS

Embeddings = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReadFace:
    """A face of the image, with its liveness where that was asked for."""

    face: Face
    liveness: LivenessScore | None


class FaceReader:
    """Opens images, finds the faces in them and embeds these, as a request's options say."""

    def __init__(self, *, engine: Engine, policy: ImagePolicy, defaults: Defaults) -> None:
        self._engine = engine
        self._policy = policy
        self._defaults = defaults

    @contextmanager
    def faces(self, source: str | bytes, field: str, options: DetectionOptions) -> Iterator[list[ReadFace]]:
        """The faces of the image in the request's `field`, in the detector's order; in a lane, until the block ends.

        With `anti_spoofing` their liveness is judged by ANTISPOOF_THRESHOLD.

        Raises:
            ImageError: as `managed_image`, and `NoFaceDetected`; each names the field.
            LicenseForbidden: LICENSE_POLICY forbids one of the networks.
            ModelUnavailable, LivenessUnavailable: weights are missing; known before anything is read.
            DeadlineExceeded: as `Engine.lane`.
        """
        with self._opened(source, field, options) as (_, faces):
            yield faces

    @contextmanager
    def _opened(
        self, source: str | bytes, field: str, options: DetectionOptions
    ) -> Iterator[tuple[Pixels, list[ReadFace]]]:
        detection = self._defaults.detection_of(options)
        self._engine.load(detection.detector)
        if options.anti_spoofing:
            self._engine.load(LIVENESS)
        with managed_image(source, field=field, policy=self._policy, lane=self._engine.lane()) as image:
            found = self._engine.detect(image, detection)
            live: Sequence[LivenessScore | None] = [None] * len(found)
            if options.anti_spoofing:
                scores = self._engine.liveness(image, [face.area for face in found])
                live = [judged([score], self._defaults.antispoof_threshold) for score in scores]
            annotate(detector=detection.detector, faces=len(found))
            yield image, [ReadFace(face, score) for face, score in zip(found, live, strict=True)]

    def embedded(
        self, source: str | bytes, field: str, options: EmbeddingOptions, *, from_bytes: bool = False
    ) -> tuple[list[ReadFace], Embeddings]:
        """The faces, and their embeddings of shape (faces, dimension). `from_bytes` as in `Engine.embed`.

        Raises:
            As `faces`.
        """
        with self.embedding(source, field, options, from_bytes=from_bytes) as (_, faces, embeddings):
            return faces, embeddings

    @contextmanager
    def embedding(
        self, source: str | bytes, field: str, options: EmbeddingOptions, *, from_bytes: bool = False
    ) -> Iterator[tuple[Pixels, list[ReadFace], Embeddings]]:
        """As `embedded`, with the image, and in the lane until the block ends.

        Raises:
            As `faces`; an `ImageError` raised in the block is given the field's name.
        """
        space = self._defaults.space_of(options)
        annotate(model=space.model)
        self._engine.load(space.model)
        with self._opened(source, field, options) as (image, faces):
            embeddings = np.empty((0, 0))
            if faces:
                crops = [read.face.crop for read in faces]
                embeddings = self._engine.embed(
                    crops, model=space.model, normalization=space.normalization, from_bytes=from_bytes
                )
            yield image, faces, embeddings


def facial_area(area: FaceArea) -> FacialArea:
    """The wire form of a face's box and landmarks."""
    return FacialArea.model_validate(area, from_attributes=True)
