"""The use-cases of asking the gallery who somebody is: identify, recognize, and verify against a person."""

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from core.distances import similarity
from core.exceptions import NoFaceDetected, ValidationFailed
from schemas.faces import VerifyRequest, VerifyResponse
from schemas.gallery import (
    IdentifiedFace,
    IdentifyRequest,
    IdentifyResponse,
    JudgedFace,
    Match,
    QualityRequest,
    QualityResponse,
)
from services.capture import CaptureReader, deciding
from services.engine import catalogue
from services.engine.base import EmbeddingSpace, Engine
from services.faces import facial_area, liveness_keys
from services.gallery import measures
from services.liveness import is_spoof
from services.options import Defaults
from services.person_lock import PersonLock
from services.quality import ADVICE, measured
from services.reading import FaceReader, ReadFace
from services.recording import EventLog, new_event
from services.stores.audit_base import Event
from services.stores.gallery_base import GalleryStore, Neighbour

# Two persons this near to each other, as a share of the threshold, cannot be told apart.
_MARGIN = 0.1


class IdentificationService:
    """Compares faces with those of the gallery, in the space the gallery's were embedded in."""

    def __init__(
        self,
        *,
        engine: Engine,
        reader: FaceReader,
        captures: CaptureReader,
        defaults: Defaults,
        store: GalleryStore,
        lock: PersonLock,
        log: EventLog,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._captures = captures
        self._defaults = defaults
        self._store = store
        self._log = log
        self._lock = lock

    def identify(self, request: IdentifyRequest, *, only_matches: bool = False) -> IdentifyResponse:
        """Who each face of the probe may be, nearest first; with `only_matches` those within the threshold.

        A face that is judged no live one is nobody's: its decision is `unknown`, nobody is its match, and with
        `only_matches` nobody is listed. The decisions are recorded, behind the answer.

        Raises:
            ValidationFailed: the collection has faces, but none of this model and options; or the embedding's dimension
                is not the model's.
            Others as `FaceReader.faces` and `GalleryStore`.
        """
        space = self._defaults.space_of(request)
        self._require_comparable(request, space)
        if request.embedding is not None:
            probes: list[tuple[ReadFace | None, npt.NDArray[np.float64]]] = [(None, np.array(request.embedding))]
        else:
            assert request.img is not None, "the request has one of the two"
            probes = list(zip(*self._reader.embedded(request.img, "img", request), strict=True))
        result = [self._identified(request, space, read, probe, only_matches) for read, probe in probes]
        metric = self._defaults.metric_of(request)
        answer = IdentifyResponse(count=len(result), model=space.model, similarity_metric=metric, result=result)
        action = "recognize" if only_matches else "identify"
        self._log.keep(*_events(action, request.collection, answer, self._defaults.threshold_of(request)))
        return answer

    def verify(self, request: VerifyRequest) -> VerifyResponse:
        """Whether the nearest face of the image, or the middle one of the frames, is the person of the gallery.

        Raises:
            PersonNotFound: there is no such person.
            PersonLocked: the person was missed too many times in a row; nothing is said of this image.
            ValidationFailed: the person has no face of this model and these options.
            Others as `CaptureReader.embedded` and `GalleryStore`.
        """
        assert request.person_id is not None, "two images take another way"
        started = time.monotonic()
        person = self._store.person(request.person_id)
        self._lock.require_open(person.id)
        space, metric = self._defaults.space_of(request), self._defaults.metric_of(request)
        faces, embeddings = self._captures.embedded(request.img1, request.frames, "img1", request)
        near = [
            (read, one)
            for read, probe in zip(faces, embeddings, strict=True)
            for one in self._store.nearest(
                probe, space=space, collection=person.collection, metric=metric, k=1, person_id=person.id
            )
        ]
        if not faces:
            error = NoFaceDetected()
            error.in_field("img1")
            raise error
        if not near:
            raise ValidationFailed.of("model_name", "The person has no face of this model and these options")
        is_capture = request.frames is not None
        decides = deciding(np.array([one.distance for _, one in near]), of_frames=is_capture)
        read, nearest = near[decides]
        threshold = self._defaults.threshold_of(request)
        same_person = nearest.distance <= threshold
        verified = same_person and not is_spoof(read.liveness)
        self._lock.count(person.id, is_match=verified)
        return VerifyResponse(
            verified=verified,
            distance=nearest.distance,
            threshold=threshold,
            confidence=self._engine.confidence(
                nearest.distance, model=space.model, metric=metric, verified=same_person
            ),
            model=space.model,
            detector_backend=self._defaults.detection_of(request).detector,
            similarity_metric=metric,
            facial_areas={"img1": facial_area(read.face.area)},
            person_id=person.id,
            face_id=nearest.face_id,
            frame=decides if is_capture else None,
            time=round(time.monotonic() - started, 3),
            **liveness_keys(read.liveness, "img1_"),
        )

    def quality(self, request: QualityRequest) -> QualityResponse:
        """Whether a photo would do for the gallery: one face, and that one good enough.

        Raises:
            As `FaceReader.faces`.
        """
        with self._reader.faces(request.img, "img", request) as faces:
            judged = [(read.face, measured(read.face)) for read in faces]
        largest = max(judged, key=lambda pair: pair[0].area.w * pair[0].area.h, default=None)
        reasons = ["several_faces"] if len(judged) > 1 else []
        reasons += [] if largest is None else largest[1].reasons
        return QualityResponse(
            acceptable=largest is not None and not reasons,
            reasons=reasons,
            advice=[ADVICE[reason] for reason in reasons],
            count=len(judged),
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

    def _require_comparable(self, request: IdentifyRequest, space: EmbeddingSpace) -> None:
        held = self._store.spaces(request.collection)
        if held and space not in held:
            ways = ", ".join(sorted({f"{one.model} ({one.alignment}, {one.detection})" for one in held}))
            wrong = f"The collection has no faces of this model and these options; it has those of {ways}"
            raise ValidationFailed.of("model_name", wrong)
        dimension = catalogue.find(space.model).dim
        if request.embedding is not None and len(request.embedding) != dimension:
            wrong = f"It has {len(request.embedding)} numbers; embeddings of {space.model} have {dimension}"
            raise ValidationFailed.of("embedding", wrong)

    def _identified(
        self,
        request: IdentifyRequest,
        space: EmbeddingSpace,
        read: ReadFace | None,
        probe: npt.NDArray[np.float64],
        only_matches: bool,
    ) -> IdentifiedFace:
        threshold = self._defaults.threshold_of(request)
        near = self._store.nearest(
            probe,
            space=space,
            collection=request.collection,
            metric=self._defaults.metric_of(request),
            k=max(2, request.top_k),  # two, to see whether it is ambiguous
            within=threshold if only_matches else None,
            person_id=request.person_id,
            labels=request.labels,
        )
        decision, reason = _decided(near, threshold)
        spoof = read is not None and is_spoof(read.liveness)
        if spoof:
            decision, reason = "unknown", "The face does not look like a live one."
            near = [] if only_matches else near
        about = {}
        if read is not None:
            about = {
                "facial_area": facial_area(read.face.area),
                "face_confidence": read.face.confidence,
                "quality": measures(measured(read.face)),
                **liveness_keys(read.liveness),
            }
        matches = [self._match(request, one, threshold, spoof=spoof) for one in near[: request.top_k]]
        return IdentifiedFace(decision=decision, reason=reason, matches=matches, **about)

    def _match(self, request: IdentifyRequest, near: Neighbour, threshold: float, *, spoof: bool) -> Match:
        model, metric = self._defaults.space_of(request).model, self._defaults.metric_of(request)
        same_person = near.distance <= threshold
        return Match(
            person_id=near.person.id,
            face_id=near.face_id,
            name=near.person.name,
            labels=near.person.labels,
            distance=near.distance,
            similarity=similarity(near.distance, metric),
            confidence=self._engine.confidence(near.distance, model=model, metric=metric, verified=same_person),
            threshold=threshold,
            match=same_person and not spoof,
        )


def _events(action: str, collection: str, answer: IdentifyResponse, threshold: float) -> list[Event]:
    """The decision about each face, which names nobody but a match."""
    about: dict[str, Any] = {
        "model": answer.model,
        "similarity_metric": answer.similarity_metric,
        "threshold": threshold,
    }
    events = []
    for face in answer.result:
        nearest = face.matches[0] if face.matches else None
        # Numbers without bounds, which a client may send as an embedding, can be infinitely far away: no JSON has that.
        distance = nearest.distance if nearest is not None and math.isfinite(nearest.distance) else None
        who = {}
        if nearest is not None and face.decision == "match":
            who = {"person_id": nearest.person_id, "face_id": nearest.face_id}
        events.append(new_event(action, face.decision, collection=collection, **who, **about, distance=distance))
    return events


def _decided(near: list[Neighbour], threshold: float) -> tuple[str, str]:
    if not near:
        return "unknown", "There is nobody to compare with."
    if near[0].distance > threshold:
        return "unknown", "Nobody is within the threshold."
    if len(near) > 1 and near[1].distance <= threshold and near[1].distance - near[0].distance < _MARGIN * threshold:
        return "ambiguous", "Two persons are about equally near."
    return "match", "One person is within the threshold, and nearer than everybody else."
