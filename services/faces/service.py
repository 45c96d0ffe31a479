"""The use cases that need only the images of the request: verify, analyze, represent, extract."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from core.distances import distances
from core.exceptions import LicenseForbidden, ModelUnavailable, NoFaceDetected, SeveralFaces
from core.logging import annotate
from core.metrics.stages import stage
from schemas.common import ComparisonOptions
from schemas.faces import (
    AnalyzedFace,
    AnalyzeRequest,
    AnalyzeResponse,
    DetectRequest,
    DetectResponse,
    EmbeddedFace,
    ExtractedFace,
    ExtractRequest,
    ExtractResponse,
    LocatedFace,
    MatchedFace,
    MatchResponse,
    RepresentRequest,
    RepresentResponse,
    VerifyRequest,
    VerifyResponse,
)
from schemas.names import Action, Metric
from services.deepface.interface import Engine, Pixels
from services.faces.frames import FrameReader
from services.faces.liveness import liveness_keys
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan, Plan
from services.faces.reader import DetectedFace, Embeddings, FaceReader, facial_area
from services.faces.verification import Pair, decide
from services.models.catalogue import catalogue

T = TypeVar("T")
U = TypeVar("U")

_Read = tuple[list[DetectedFace], Embeddings]


class FaceService:
    """Answers requests that need only their own images."""

    def __init__(self, *, engine: Engine, reader: FaceReader, frames: FrameReader, defaults: Defaults) -> None:
        self._engine = engine
        self._reader = reader
        self._frames = frames
        self._defaults = defaults

    @property
    def detector(self) -> str:
        """The detector of requests that name none."""
        return self._defaults.detector

    @property
    def attribute_models(self) -> Mapping[Action, str]:
        """The model of each attribute."""
        return self._defaults.attributes

    def threshold(self, metric: Metric) -> float:
        """The service's own threshold of the default model and options, in this metric."""
        return self._defaults.decision_plan(ComparisonOptions(distance_metric=metric)).threshold

    def verify(self, request: VerifyRequest) -> VerifyResponse:
        """Whether the closest pair of faces of the two images is the same person. For frames, the middle pair decides.

        With `anti_spoofing`, a pair with a face that is not live is never verified, however close it is.

        Raises:
            As `FrameReader.embedded`.
        """
        started, plan = time.monotonic(), self._defaults.decision_plan(request)
        (faces1, embeddings1), (faces2, embeddings2) = self._both(request, plan)
        apart = distances(embeddings1, embeddings2, plan.metric)
        nearest = zip(faces1, apart.argmin(axis=1).tolist(), apart.min(axis=1).tolist(), strict=True)
        pairs = [Pair(face=face, other=faces2[other], distance=distance) for face, other, distance in nearest]
        return decide(pairs, plan, engine=self._engine, of_frames=request.frames is not None, started=started)

    def match(self, request: VerifyRequest) -> MatchResponse:
        """The one face of the first image, compared with every face of the second.

        Raises:
            SeveralFaces: the first image has more than one face.
            Others as `FaceReader.embedded`.
        """
        started, plan = time.monotonic(), self._defaults.decision_plan(request)
        (sources, probes), (faces, embeddings) = self._both(request, plan)
        if len(sources) > 1:
            raise SeveralFaces("More than one face was found. Send an image with one face.", field="img1")
        source = sources[0]
        apart = distances(probes, embeddings, plan.metric)[0].tolist()
        nearest = min(range(len(faces)), key=apart.__getitem__)
        pair = Pair(face=source, other=faces[nearest], distance=apart[nearest])
        return MatchResponse(
            source=_embedded(source, probes[0]),
            decision=decide([pair], plan, engine=self._engine, of_frames=False, started=started),
            result=[
                MatchedFace(**dict(_embedded(face, embedding)), distance=distance)
                for face, embedding, distance in zip(faces, embeddings, apart, strict=True)
            ],
        )

    def _both(self, request: VerifyRequest, plan: EmbeddingPlan) -> tuple[_Read, _Read]:
        """The faces of both images with their embeddings; raises NoFaceDetected for an image without one."""
        assert request.img2 is not None, "the gallery verifies requests with a person"
        image2 = request.img2
        first, second = in_parallel(
            lambda: self._frames.embedded(request.img1, request.frames, "img1", plan),
            lambda: self._reader.embedded(image2, "img2", plan),
        )
        annotate(faces=len(first[0]) + len(second[0]))
        for field, (faces, _) in (("img1", first), ("img2", second)):
            if not faces:
                raise NoFaceDetected(field=field)
        return first, second

    def detect(self, request: DetectRequest) -> DetectResponse:
        """The box of every face; none for an image without a face, whatever the value of `enforce_detection`.

        Raises:
            As `FaceReader.faces`, but not NoFaceDetected.
        """
        plan = self._defaults.plan(request)
        plan = replace(plan, detection=replace(plan.detection, enforce=False))
        with self._reader.faces(request.img, "img", plan) as faces:
            result = [
                LocatedFace(
                    facial_area=facial_area(read.face.area),
                    face_confidence=read.face.confidence,
                    **liveness_keys(read.liveness),
                )
                for read in faces
                if read.is_detected
            ]
        return DetectResponse(count=len(result), result=result, faces_truncated=faces.truncated)

    def usable(self, actions: Sequence[Action]) -> list[Action]:
        """Those of the attributes whose models are installed and allowed by LICENSE_POLICY."""
        refused = self._refused(actions)
        return [action for action in actions if action not in refused]

    def _refused(self, actions: Iterable[Action]) -> dict[Action, LicenseForbidden | ModelUnavailable]:
        """The error of each of these attributes whose model is missing or forbidden. Loads the other models."""
        refused: dict[Action, LicenseForbidden | ModelUnavailable] = {}
        for action in actions:
            name = self._defaults.attributes[action]
            try:
                self._defaults.licenses.require(name)
                self._engine.load(name)
            except (LicenseForbidden, ModelUnavailable) as error:
                refused[action] = error
        return refused

    def analyze(self, request: AnalyzeRequest) -> AnalyzeResponse:
        """The attributes of every face. Without `actions`, those that are installed and allowed.

        Raises:
            LicenseForbidden: LICENSE_POLICY forbids one of the models, or all if the request names none.
            ModelUnavailable: names all models that are unavailable, the detector too.
            As `FaceReader.faces`.
        """
        plan = self._defaults.plan(request)
        models, unavailable = self._named(request.actions, plan) if request.actions else self._installed(plan)
        with self._reader.opened(request.img, "img", plan) as (image, faces):
            with stage("analyze"):  # each model is a stage inside it
                attributes = self._engine.attributes(image, [read.face for read in faces], models)
            result = [
                AnalyzedFace(
                    **described,
                    region=facial_area(read.face.area),
                    face_confidence=read.face.confidence,
                    **liveness_keys(read.liveness),
                )
                for read, described in zip(faces, attributes, strict=True)
            ]
        return AnalyzeResponse(
            count=len(result), result=result, unavailable=unavailable or None, faces_truncated=faces.truncated
        )

    def _named(self, actions: Iterable[Action], plan: Plan) -> tuple[list[str], dict[Action, str]]:
        """The loaded models of these attributes. Raises as `analyze`."""
        names = [self._defaults.attributes[action] for action in dict.fromkeys(actions)]
        self._defaults.licenses.require(*names)
        self._engine.load_all((*plan.models, *names))
        return names, {}

    def _installed(self, plan: Plan) -> tuple[list[str], dict[Action, str]]:
        """The loaded models of all attributes that can be estimated, and the reason for each other attribute.

        Raises:
            As `analyze`, if none can be estimated.
        """
        self._engine.load_all(plan.models)
        models = self._defaults.attributes
        refused = self._refused(models)
        if len(refused) == len(models):
            missing = [action for action, error in refused.items() if isinstance(error, ModelUnavailable)]
            return self._named(missing or models, plan)
        names = [name for action, name in models.items() if action not in refused]
        return names, {action: error.message for action, error in refused.items()}

    def represent(self, request: RepresentRequest) -> RepresentResponse:
        """The embedding of every face.

        Raises:
            As `FaceReader.faces`.
        """
        plan = self._defaults.embedding_plan(request)
        whole_image = plan.detection.detector == catalogue.NO_DETECTOR
        faces, embeddings = self._reader.embedded(request.img, "img", plan, from_bytes=whole_image)
        return RepresentResponse(
            count=len(faces),
            model=plan.space.model,
            dim=embeddings.shape[1],
            result=[_embedded(read, embedding) for read, embedding in zip(faces, embeddings, strict=True)],
            faces_truncated=faces.truncated,
        )

    def extract(self, request: ExtractRequest) -> ExtractResponse:
        """The crop of every face as a PNG.

        Raises:
            As `FaceReader.faces`.
        """
        with self._reader.faces(request.img, "img", self._defaults.plan(request)) as faces:
            result = [
                ExtractedFace(
                    face_base64=png_data_uri(read.face.crop, gray=request.color_face == "gray"),
                    facial_area=facial_area(read.face.area),
                    confidence=read.face.confidence,
                    **liveness_keys(read.liveness),
                )
                for read in faces
            ]
        return ExtractResponse(faces_found=len(result), result=result, faces_truncated=faces.truncated)


def _embedded(read: DetectedFace, embedding: npt.NDArray[np.float64]) -> EmbeddedFace:
    return EmbeddedFace(
        embedding=embedding.tolist(),
        facial_area=facial_area(read.face.area),
        face_confidence=read.face.confidence,
        **liveness_keys(read.liveness),
    )


def png_data_uri(crop: Pixels, *, gray: bool) -> str:
    """The data URI of a BGR crop as PNG (lossless), in colour or grey."""
    picture: Any = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY) if gray else crop
    encoded: Any = cv2.imencode(".png", picture)[1]
    return "data:image/png;base64," + b64encode(np.asarray(encoded, np.uint8).tobytes()).decode()


def in_parallel(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    """The results of both calls. `second` runs on another thread, with the deadline and log line of this one.

    Raises:
        Whatever the calls raise. If both fail, the error of `first`.
    """
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(copy_context().run, second)
        return first(), other.result()
