"""The use-cases of asking the gallery who somebody is: identify, recognize, and verify against a person."""

import time
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.distances import similarity
from core.exceptions import NoFaceDetected, NotFound, ValidationFailed
from schemas.faces import VerifyRequest, VerifyResponse
from schemas.fields import COLLECTION
from schemas.gallery import IdentifiedFace, IdentifyRequest, IdentifyResponse, Match, ProbeRequest, RecognizeRequest
from services.audit.events import Event
from services.audit.recorder import EventLog, new_event
from services.deepface.interface import EmbeddingSpace, Engine
from services.faces.frames import CaptureReader
from services.faces.liveness import is_spoof, liveness_keys
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.quality import measured, measures
from services.faces.reader import FaceReader, ReadFace, facial_area
from services.faces.verification import Pair, decide
from services.gallery.person_lock import PersonLock
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import Neighbour
from services.models.catalogue import catalogue

_MOST = 10  # persons that are looked for first, where all within the threshold are wanted

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

    def identify(self, request: IdentifyRequest) -> IdentifyResponse:
        """Who each face of the probe may be: the nearest persons, whatever their distance.

        A face that is judged no live one is nobody's: its decision is `unknown`, nobody is its match, and
        `/recognize` lists nobody. The decisions are recorded, behind the answer.

        Raises:
            NotFound, PersonNotFound: there is no such collection, or no such person in it.
            ValidationFailed: the collection (or the person) has faces, but none of this model and options; or the
                embedding's dimension is not the model's.
            Others as `FaceReader.faces` and `GalleryStore`.
        """
        return self._answer("identify", request, top_k=request.top_k)

    def recognize(self, request: RecognizeRequest) -> IdentifyResponse:
        """Everybody whom each face of the probe may be by the model's own threshold, nearest first; as `identify`."""
        return self._answer("recognize", request, top_k=request.top_k)

    def _answer(
        self, action: Literal["identify", "recognize"], request: ProbeRequest, *, top_k: int | None
    ) -> IdentifyResponse:
        plan = self._defaults.embedding_plan(request)
        self._require_comparable(request, plan.space)
        result = []
        for read, probe in self._probes(request, plan):
            near = self._near(request, plan, probe, top_k=top_k)
            decision, reason = _decided(near, plan.threshold)
            spoof = read is not None and is_spoof(read.liveness)
            if spoof:
                decision, reason = "unknown", "The face does not look like a live one."
            matches = [self._match(plan, one, spoof=spoof) for one in near]
            if action == "recognize":
                matches = [match for match in matches if match.match]
            about = {} if read is None else _about(read)
            result.append(IdentifiedFace(decision=decision, reason=reason, matches=matches[:top_k], **about))
        answer = IdentifyResponse(
            count=len(result), model=plan.space.model, similarity_metric=plan.metric, result=result
        )
        self._log.keep(*_events(action, request.collection, answer, plan.threshold))
        return answer

    def verify(self, request: VerifyRequest, *, within: str | None = None) -> VerifyResponse:
        """Whether the nearest face of the image, or the middle one of the frames, is the person of the gallery.

        Raises:
            PersonNotFound: there is no such person, `within` the collection if one is named.
            PersonLocked: the person was missed too many times in a row; nothing is said of this image.
            ValidationFailed: the person has no face of this model and these options.
            Others as `CaptureReader.embedded` and `GalleryStore`.
        """
        assert request.person_id is not None, "two images take another way"
        started = time.monotonic()
        plan = self._defaults.embedding_plan(request)
        person = self._store.person(request.person_id, within=within)
        self._lock.require_open(person.id)
        faces, embeddings = self._captures.embedded(request.img1, request.frames, "img1", plan)
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
        self._lock.count(person.id, is_match=answer.verified)
        return answer

    def _require_comparable(self, request: ProbeRequest, space: EmbeddingSpace) -> None:
        if request.person_id is not None:
            self._store.person(request.person_id, within=request.collection)
        held = self._store.spaces(request.collection, person_id=request.person_id)
        # The default collection is there before anybody is in it.
        if not held and request.collection not in {COLLECTION, *self._store.collections()}:
            raise NotFound("There is no such collection.")
        if held and space not in held:
            raise _incomparable("collection" if request.person_id is None else "person", held)
        dimension = catalogue.find(space.model).dim
        if request.embedding is not None and len(request.embedding) != dimension:
            wrong = f"It has {len(request.embedding)} numbers; embeddings of {space.model} have {dimension}"
            raise ValidationFailed.of("embedding", wrong)

    def _probes(
        self, request: ProbeRequest, plan: EmbeddingPlan
    ) -> list[tuple[ReadFace | None, npt.NDArray[np.float64]]]:
        if request.embedding is not None:
            return [(None, np.array(request.embedding))]
        assert request.img is not None, "the request has one of the two"
        return list(zip(*self._reader.embedded(request.img, "img", plan), strict=True))

    def _near(
        self, request: ProbeRequest, plan: EmbeddingPlan, probe: npt.NDArray[np.float64], *, top_k: int | None
    ) -> list[Neighbour]:
        """The `top_k` nearest, but at least two, to see whether it is ambiguous; else all within the threshold."""
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
            )
            if top_k is not None or len(near) < k or near[-1].distance > plan.threshold:
                return near
            k *= 10

    def _match(self, plan: EmbeddingPlan, near: Neighbour, *, spoof: bool) -> Match:
        model, metric = plan.space.model, plan.metric
        same_person = near.distance <= plan.threshold
        return Match(
            person_id=near.person.id,
            face_id=near.face_id,
            name=near.person.name,
            labels=near.person.labels,
            distance=near.distance,
            similarity=similarity(near.distance, metric),
            confidence=self._engine.confidence(near.distance, model=model, metric=metric, verified=same_person),
            threshold=plan.threshold,
            match=same_person and not spoof,
        )


def _about(read: ReadFace) -> dict[str, Any]:
    """What is answered of a face of the probe, beside who it may be."""
    return {
        "facial_area": facial_area(read.face.area),
        "face_confidence": read.face.confidence,
        "quality": measures(measured(read.face)),
        **liveness_keys(read.liveness),
    }


def _incomparable(whose: str, held: Iterable[EmbeddingSpace]) -> ValidationFailed:
    ways = sorted(
        f"{one.model} (alignment {one.alignment}, detection {one.detection}, normalization {one.normalization},"
        f" expand_percentage {one.expand_percentage})"
        for one in held
    )
    of_others = f"; it has those of {', '.join(ways)}" if ways else ""
    return ValidationFailed.of("model_name", f"The {whose} has no faces of this model and these options{of_others}")


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
        distance = None if nearest is None else nearest.distance
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
