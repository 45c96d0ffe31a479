"""The use cases that compare faces with the gallery: identify, recognize, and verify against a person."""

import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.distances import similarity
from core.exceptions import NoFaceDetected, NotFound, ValidationFailed
from core.scopes import Scope, require
from schemas.common import ComparisonOptions
from schemas.faces import VerifyRequest, VerifyResponse
from schemas.fields import COLLECTION
from schemas.gallery import (
    IdentifiedFace,
    IdentifyRequest,
    IdentifyResponse,
    Match,
    MatchByDefault,
    ProbeRequest,
    RecognizeRequest,
)
from services.audit.recorder import EventLog
from services.deepface.interface import EmbeddingSpace, Engine
from services.faces.confidence import confidence
from services.faces.frames import FrameReader
from services.faces.liveness import is_spoof, liveness_keys
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.quality import count_findings, measure_quality, measures, problems
from services.faces.reader import DetectedFace, DetectedFaces, Embeddings, FaceReader, facial_area, plan_beside
from services.faces.verification import Pair, decide
from services.gallery.answers import described, not_compared
from services.gallery.decisions import Near, decided, decision_events
from services.gallery.left_out import LeftOut
from services.gallery.person_lock import PersonLock
from services.gallery.store.store import GalleryStore
from services.models.catalogue import catalogue

_MOST = 10  # persons in the first search, if all persons within the threshold are wanted


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
        plan = self._plan(request)
        held = self._require_comparable(request, plan)
        result = []
        faces, probes = self._probes(request, plan)
        for read, probe in zip([None] if faces is None else faces, probes, strict=True):
            near = self._near(request, plan, read, probe, top_k=top_k)
            decision, reason = decided(near)
            if request.lists_faces:
                near = self._near(request, plan, read, probe, top_k=top_k, by_face=True)
            refusal = None if read is None else _refusal(read, plan, request.min_quality)
            if refusal is not None:
                decision, reason = "unknown", refusal
            matches = [self._match(one, can_match=refusal is None, is_default=one.plan is not plan) for one in near]
            if action == "recognize":
                matches = [match for match in matches if match.match]
            about = {} if read is None else _about(read)
            result.append(IdentifiedFace(decision=decision, reason=reason, matches=matches[:top_k], **about))
        is_mixed = request.person_id is None and len(held) > 1 and not request.compares_everybody
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
        self._log.keep(*decision_events(action, request.collection, answer, plan.threshold))
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

    def _plan(self, request: ProbeRequest) -> EmbeddingPlan:
        """The plan of the request; `also` that of the defaults, if somebody can be compared by these alone."""
        plan = replace(self._defaults.decision_plan(request), judges_quality=True)
        if not request.compares_everybody or request.img is None:
            return plan
        default = self._defaults.embedding_plan(ComparisonOptions.model_validate({"distance_metric": plan.metric}))
        also = None if default.limit is None else plan_beside(plan, default, self._engine)
        if also is None or not self._store.is_anybody_only_in(
            also.space, request.collection, lacking=plan.space, spares_photos=request.spares_photos
        ):
            return plan
        return replace(plan, also=also.as_strict_as(plan))

    def _require_comparable(self, request: ProbeRequest, plan: EmbeddingPlan) -> Collection[EmbeddingSpace]:
        """The embedding spaces of the collection, or of the person; raises as `identify`."""
        if request.person_id is not None:
            self._store.person(request.person_id, within=request.collection)
        held = self._store.spaces(request.collection, person_id=request.person_id)
        # The default collection exists before it has persons.
        is_known = bool(held) or request.collection in {COLLECTION, *self._store.collections()}
        if request.requires_collection and not is_known:
            raise NotFound("The collection does not exist.")
        if plan.space not in held and plan.also is None and (held or request.requires_faces):
            raise _incomparable("collection" if request.person_id is None else "person", held)
        model = plan.space.model
        dimension = catalogue.find(model).dim
        if request.embedding is not None and len(request.embedding) != dimension:
            wrong = f"The embedding has {len(request.embedding)} numbers; {model} needs {dimension}"
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
        read: DetectedFace | None,
        probe: npt.NDArray[np.float64],
        *,
        top_k: int | None,
        by_face: bool = False,
    ) -> list[Near]:
        """The nearest persons or faces in the space of the plan, and of those without a face there in the space `also`.

        The first are those that are nearest for their thresholds, because distances of two spaces cannot be compared.
        """
        near = self._nearest(request, plan, probe, top_k=top_k, by_face=by_face)
        if plan.also is None or read is None or read.also is None:
            return near
        others = self._nearest(request, plan.also, read.also, top_k=top_k, by_face=by_face, lacking=plan.space)
        return sorted([*near, *others], key=Near.share)

    def _nearest(
        self,
        request: ProbeRequest,
        plan: EmbeddingPlan,
        probe: npt.NDArray[np.float64],
        *,
        top_k: int | None,
        by_face: bool,
        lacking: EmbeddingSpace | None = None,
    ) -> list[Near]:
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
                lacking=lacking,
                spares_photos=request.spares_photos,
            )
            if request.only_face is not None:
                only = [Near(one, plan) for one in near if one.face_id == request.only_face]
                if only or len(near) < k:
                    return only
            elif top_k is not None or len(near) < k or near[-1].distance > plan.threshold:
                return [Near(one, plan) for one in near]
            k *= 10

    def _match(self, near: Near, *, can_match: bool, is_default: bool) -> Match:
        found, plan = near.match, near.plan
        about: dict[str, Any] = {
            "person_id": found.person.id,
            "face_id": found.face_id,
            "name": found.person.name,
            "labels": found.person.labels,
            "distance": found.distance,
            "similarity": similarity(found.distance, plan.metric),
            "confidence": confidence(found.distance, plan, self._engine),
            "threshold": plan.threshold,
            "match": near.is_within and can_match,
        }
        return MatchByDefault(**about, model=plan.space.model) if is_default else Match(**about)


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
