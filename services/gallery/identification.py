"""The use cases that compare faces with the gallery: identify, recognize, and verify against a person."""

import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.distances import similarity
from core.exceptions import NoFaceDetected, NotFound, ValidationFailed
from core.metrics.decisions import count_decision
from core.scopes import Scope, require
from schemas.faces import VerifyRequest, VerifyResponse
from schemas.fields import COLLECTION
from schemas.gallery import IdentifiedFace, IdentifyRequest, IdentifyResponse, Match, ProbeRequest, RecognizeRequest
from services.audit.events import Event
from services.audit.recorder import EventLog, new_event
from services.deepface.interface import EmbeddingSpace, Engine
from services.faces.confidence import confidence
from services.faces.frames import FrameReader
from services.faces.liveness import is_spoof, liveness_keys
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.quality import count_findings, measure_quality, measures, problems
from services.faces.reader import DetectedFace, DetectedFaces, Embeddings, FaceReader, facial_area
from services.faces.verification import Pair, decide
from services.gallery.answers import described, not_compared
from services.gallery.left_out import LeftOut
from services.gallery.person_lock import PersonLock
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import PersonMatch
from services.models.catalogue import catalogue

_MOST = 10  # persons in the first search, if all persons within the threshold are wanted

# Two persons are ambiguous if their distances differ by less than this share of the threshold.
_MARGIN = 0.1


class IdentificationService:
    """Compares faces with those of the gallery, in the embedding space of the request."""

    def __init__(
        self,
        *,
        engine: Engine,
        reader: FaceReader,
        frames: FrameReader,
        defaults: Defaults,
        store: GalleryStore,
        lock: PersonLock,
        log: EventLog,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._frames = frames
        self._defaults = defaults
        self._store = store
        self._log = log
        self._lock = lock
        self._left_out = LeftOut(store)

    def identify(self, request: IdentifyRequest) -> IdentifyResponse:
        """The nearest persons for each face of the image, whatever their distance, with a decision.

        A face that is judged to be a spoof, or is below `min_quality`, matches nobody: its decision is `unknown`, no
        person is its match, and `/recognize` lists no person. The decisions are recorded in the background.

        Raises:
            Forbidden: the request has an embedding, and the API key lacks `embeddings`.
            NotFound, PersonNotFound: there is no such collection, or no such person in it.
            ValidationFailed: the collection (or the person) has faces, but none with this model and options; or the
                embedding does not have the model's dimension.
            Others as `FaceReader.faces` and `GalleryStore`.
        """
        return self._answer("identify", request, top_k=request.top_k)

    def recognize(self, request: RecognizeRequest) -> IdentifyResponse:
        """The persons within the threshold for each face, nearest first; otherwise as `identify`."""
        return self._answer("recognize", request, top_k=request.top_k)

    def _answer(
        self, action: Literal["identify", "recognize"], request: ProbeRequest, *, top_k: int | None
    ) -> IdentifyResponse:
        if request.embedding is not None:
            require(Scope.EMBEDDINGS)
        plan = replace(self._defaults.decision_plan(request), judges_quality=True)
        held = self._require_comparable(request, plan.space)
        result = []
        faces, probes = self._probes(request, plan)
        for read, probe in zip([None] if faces is None else faces, probes, strict=True):
            near = self._near(request, plan, probe, top_k=top_k)
            decision, reason = _decided(near, plan.threshold)
            if request.lists_faces:
                near = self._near(request, plan, probe, top_k=top_k, by_face=True)
            refusal = None if read is None else _refusal(read, plan, request.min_quality)
            if refusal is not None:
                decision, reason = "unknown", refusal
            matches = [self._match(plan, one, can_match=refusal is None) for one in near]
            if action == "recognize":
                matches = [match for match in matches if match.match]
            about = {} if read is None else _about(read)
            result.append(IdentifiedFace(decision=decision, reason=reason, matches=matches[:top_k], **about))
        is_mixed = request.person_id is None and len(held) > 1
        left_out = self._left_out.of(request.collection, plan.space) if is_mixed else None
        answer = IdentifyResponse(
            count=len(result),
            model=plan.space.model,
            similarity_metric=plan.metric,
            threshold_source=plan.threshold_source,
            not_compared=None if left_out is None else not_compared(left_out),
            result=result,
            faces_truncated=None if faces is None else faces.truncated,
        )
        self._log.keep(*_events(action, request.collection, answer, plan.threshold))
        return answer

    def verify(self, request: VerifyRequest, *, within: str | None = None) -> VerifyResponse:
        """Whether the nearest face of the image, or the middle one of the frames, belongs to the person.

        Raises:
            Forbidden: the API key lacks `gallery:read`.
            PersonNotFound: there is no such person, or not in the collection `within`.
            PersonLocked: too many failed attempts in a row; the image is not compared.
            ValidationFailed: the person has no face with this model and options.
            Others as `FrameReader.embedded` and `GalleryStore`.
        """
        assert request.person_id is not None, "two images are compared elsewhere"
        require(Scope.GALLERY_READ)
        started = time.monotonic()
        plan = self._defaults.decision_plan(request)
        person = self._store.person(request.person_id, within=within)
        self._lock.require_open(person.id)
        faces, embeddings = self._frames.embedded(request.img1, request.frames, "img1", plan)
        if not faces:
            raise NoFaceDetected(field="img1")
        pairs = [
            Pair(face=face, distance=near.distance, face_id=near.face_id)
            for face, probe in zip(faces, embeddings, strict=True)
            for near in self._store.nearest(
                probe, space=plan.space, collection=person.collection, metric=plan.metric, k=1, person_id=person.id
            )
        ]
        if not pairs:
            raise _incomparable("person", self._store.spaces(person.collection, person_id=person.id))
        answer = decide(
            pairs,
            plan,
            engine=self._engine,
            of_frames=request.frames is not None,
            started=started,
            person_id=person.id,
        )
        self._lock.count(person.id, is_match=_is_own_match(answer, plan, faces))
        return answer

    def _require_comparable(self, request: ProbeRequest, space: EmbeddingSpace) -> Collection[EmbeddingSpace]:
        """The embedding spaces of the collection, or of the person; raises as `identify`."""
        if request.person_id is not None:
            self._store.person(request.person_id, within=request.collection)
        held = self._store.spaces(request.collection, person_id=request.person_id)
        # The default collection exists before it has persons.
        is_known = bool(held) or request.collection in {COLLECTION, *self._store.collections()}
        if request.requires_collection and not is_known:
            raise NotFound("The collection does not exist.")
        if space not in held and (held or request.requires_faces):
            raise _incomparable("collection" if request.person_id is None else "person", held)
        dimension = catalogue.find(space.model).dim
        if request.embedding is not None and len(request.embedding) != dimension:
            wrong = f"The embedding has {len(request.embedding)} numbers; {space.model} needs {dimension}"
            raise ValidationFailed.of("embedding", wrong)
        return held

    def _probes(self, request: ProbeRequest, plan: EmbeddingPlan) -> tuple[DetectedFaces | None, Embeddings]:
        """The faces of the image with their embeddings, or the embedding of the request."""
        if request.embedding is not None:
            return None, np.array([request.embedding])
        assert request.img is not None, "the request has an image or an embedding"
        return self._reader.embedded(request.img, "img", plan)

    def _near(
        self,
        request: ProbeRequest,
        plan: EmbeddingPlan,
        probe: npt.NDArray[np.float64],
        *,
        top_k: int | None,
        by_face: bool = False,
    ) -> list[PersonMatch]:
        """The `top_k` nearest persons or faces, at least two to detect ambiguity; or all within the threshold.

        Of a request about one face, that one; none if the face has no embedding in the space of the plan.
        """
        k = max(2, top_k or _MOST)
        while True:
            near = self._store.nearest(
                probe,
                space=plan.space,
                collection=request.collection,
                metric=plan.metric,
                k=k,
                person_id=request.person_id,
                labels=request.labels,
                by_face=by_face or request.only_face is not None,
            )
            if request.only_face is not None:
                only = [one for one in near if one.face_id == request.only_face]
                if only or len(near) < k:
                    return only
            elif top_k is not None or len(near) < k or near[-1].distance > plan.threshold:
                return near
            k *= 10

    def _match(self, plan: EmbeddingPlan, near: PersonMatch, *, can_match: bool) -> Match:
        same_person = near.distance <= plan.threshold
        return Match(
            person_id=near.person.id,
            face_id=near.face_id,
            name=near.person.name,
            labels=near.person.labels,
            distance=near.distance,
            similarity=similarity(near.distance, plan.metric),
            confidence=confidence(near.distance, plan, self._engine),
            threshold=plan.threshold,
            match=same_person and can_match,
        )


def _is_own_match(answer: VerifyResponse, plan: EmbeddingPlan, faces: Iterable[DetectedFace]) -> bool:
    """Whether the pair matches by the service's own threshold, whatever the threshold of the request.

    The person lock counts by this. Otherwise a client could avoid the lock, or lock anybody, by its threshold.
    """
    is_detected = plan.own_threshold is None or all(face.is_detected for face in faces)
    return is_detected and answer.distance <= plan.strict_threshold and answer.img1_is_real is not False


def _refusal(read: DetectedFace, plan: EmbeddingPlan, min_quality: float | None) -> str | None:
    """Why a face of the image can match nobody; None if it can."""
    if not plan.decides_about(is_detected=read.is_detected):
        return "No face was found in the image."
    if is_spoof(read.liveness):
        return "The face does not look live."
    quality = measure_quality(read)
    if min_quality is not None and quality.score < min_quality:
        return f"The face is below min_quality: {problems(quality)}."
    return None


def _about(read: DetectedFace) -> dict[str, Any]:
    """The fields of a response that describe the face itself."""
    quality = measure_quality(read)
    count_findings(quality)
    return {
        "facial_area": facial_area(read.face.area),
        "face_confidence": read.face.confidence,
        "quality": measures(quality),
        **liveness_keys(read.liveness),
    }


def _incomparable(whose: str, held: Iterable[EmbeddingSpace]) -> ValidationFailed:
    ways = sorted(map(described, held))
    of_others = f"; it has faces of {', '.join(ways)}" if ways else ""
    return ValidationFailed.of("model_name", f"The {whose} has no faces of this model and these options{of_others}")


def _events(action: str, collection: str, answer: IdentifyResponse, threshold: float) -> list[Event]:
    """One event per face with its decision; only a match names a person."""
    about: dict[str, Any] = {
        "model": answer.model,
        "similarity_metric": answer.similarity_metric,
        "threshold": threshold,
    }
    events = []
    for face in answer.result:
        nearest = face.matches[0] if face.matches else None
        distance = None if nearest is None else nearest.distance
        count_decision(face.decision, model=answer.model, metric=answer.similarity_metric, distance=distance)
        who = {}
        if nearest is not None and face.decision == "match":
            who = {"person_id": nearest.person_id, "face_id": nearest.face_id}
        events.append(new_event(action, face.decision, collection=collection, **who, **about, distance=distance))
    return events


def _decided(near: list[PersonMatch], threshold: float) -> tuple[str, str]:
    if not near:
        return "unknown", "No enrolled persons to compare with."
    if near[0].distance > threshold:
        return "unknown", "No person is within the threshold."
    if len(near) > 1 and near[1].distance <= threshold and near[1].distance - near[0].distance < _MARGIN * threshold:
        return "ambiguous", "Two persons are almost equally close."
    return "match", "One person is within the threshold and clearly the closest."
