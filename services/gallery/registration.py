"""The use case of registering a face."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import numpy as np

from core.exceptions import Conflict, NoFaceDetected
from core.scopes import Scope, is_granted
from schemas.gallery import RegisterEveryRequest, RegisterPhotosRequest, RegisterRequest, RegisterResponse
from schemas.text import identity
from services.audit.events import Event
from services.audit.recorder import EventLog, new_event
from services.deepface.interface import Engine, FaceArea
from services.faces.frames import FrameReader
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.gallery.answers import registered
from services.gallery.new_faces import NewFaces
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import (
    IdempotencyKey,
    IdempotencyKeyTaken,
    NewFace,
    Person,
    PersonMatch,
    Registration,
)

_TAKEN = "This face already belongs to another person."
_ANSWERS_LAST = timedelta(days=7)  # longer than any client retries by itself


class GalleryService:
    """Registers faces. A registration is one transaction of the database, including its event.

    A registration that the gallery refuses has an event, too.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        frames: FrameReader,
        defaults: Defaults,
        min_quality: float,
        store: GalleryStore,
        log: EventLog,
    ) -> None:
        self._new_faces = NewFaces(engine=engine, frames=frames, defaults=defaults, min_quality=min_quality)
        self._store = store
        self._log = log

    def register_once(self, request: RegisterRequest, *, key: str, api_key: str, digest: str) -> RegisterResponse:
        """As `register`; for seven days, a retry with this key and digest gets the response for the first face.

        The key belongs to the API key with the id `api_key` (empty without API keys) and to the collection.
        """
        shared = IdempotencyKey(_hash(request.collection, key), digest, _ANSWERS_LAST)
        if not api_key:
            return self.register(request, idempotency_key=shared)
        own = replace(shared, key=_hash(api_key, request.collection, key))
        # Earlier versions stored it without the API key; the event of the registration tells whose it was.
        before = self._answered(request, shared, by=api_key)
        return self.register(request, idempotency_key=own) if before is None else before

    def register(
        self,
        request: RegisterRequest,
        *,
        idempotency_key: IdempotencyKey | None = None,
        photo: str | None = None,
        at: FaceArea | None = None,
    ) -> RegisterResponse:
        """Register the one face of an image, or the face of the best quality among the frames of a capture.

        A face is embedded in the embedding space of the request, and in that of the defaults if it is another one whose
        models are installed. So a request with the default options finds everybody.

        With an `idempotency_key`, a retry with the same key gets the response for the face that the first one stored,
        and stores nothing. It names the current person of the face.

        The face keeps `photo` as the name of its photo. `at` is its place, if the image shows other faces as well.

        Raises:
            SeveralFaces, LowQuality, SpoofDetected: the image cannot be registered.
            PersonNotFound: there is no person with this id in the collection.
            Conflict: another person has the face and `on_duplicate` is `reject`; the details name this person only to
                API keys with `gallery:read`. Or the key was used for another request.
            Others as `FrameReader.embedded` and `GalleryStore`.
        """
        if idempotency_key is not None and (before := self._answered(request, idempotency_key)) is not None:
            return before
        if request.person_id is not None:  # before any face is compared: without the person nothing is told about faces
            with self._log.refusals("register", collection=request.collection, person_id=request.person_id):
                self._store.person(request.person_id, within=request.collection)
        plan = self._new_faces.plan(request)
        new = replace(self._new_faces.one(request, plan, at=at), photo=photo)
        try:
            if request.on_duplicate == "allow":
                return self._stored(request, plan, new, idempotency_key)
            with self._store.one_at_a_time():  # otherwise two requests could find nobody, and both store the face
                return self._stored(request, plan, new, idempotency_key)
        except IdempotencyKeyTaken:  # the same request was sent again before the first one was answered
            assert idempotency_key is not None, "only a request with a key can find it taken"
            first = self._answered(request, idempotency_key)
            if first is None:
                raise Conflict("The face stored with this Idempotency-Key was deleted. Use a new key.") from None
            return first

    def check(self, request: RegisterRequest, *, at: FaceArea | None = None) -> None:
        """Raise what `register` would, and store nothing. A name that several persons have is not noticed."""
        plan = self._new_faces.plan(request)
        new = self._new_faces.one(request, plan, at=at)
        if request.on_duplicate == "reject" and self._belongs_to_another(request, plan, new) is not None:
            raise Conflict(_TAKEN)

    def register_every(self, request: RegisterEveryRequest) -> int:
        """Register every face of an image that is good enough, unless the collection has exactly it; returns how many.

        Raises:
            LowQuality: no face is good enough.
            Others as `FrameReader.embedded` and `GalleryStore`.
        """
        plan = self._new_faces.plan(request)
        new = [replace(face, photo=request.photo) for face in self._new_faces.every(request, plan)]
        event = new_event("register", collection=request.collection, model=plan.space.model)
        with self._store.one_at_a_time():  # otherwise two requests could both store a face
            new = [face for face in new if not self._is_known(request, face)]
            if new:
                self._store.register(
                    Registration(faces=new, collection=request.collection, name=request.name, event=event)
                )
        return len(new)

    def register_photos(self, request: RegisterPhotosRequest) -> bool:
        """Register the largest face of each photo that shows one, all or none; returns whether the person is new.

        Raises:
            NoFaceDetected: no photo shows a face.
            LowQuality: one of the faces is not good enough.
            Others as `FrameReader.embedded` and `GalleryStore`.
        """
        photos, new = request.each(), []
        plan = self._new_faces.plan(photos[0])
        for photo in photos:
            with suppress(NoFaceDetected):
                new.append(self._new_faces.one(photo, plan))
        if not new:
            raise NoFaceDetected(field="photos")
        event = new_event("register", collection=request.collection, model=plan.space.model)
        person, stored = self._store.register(
            Registration(faces=new, collection=request.collection, name=request.name, event=event)
        )
        return person.registered_at == stored[0].registered_at

    def _is_known(self, request: RegisterRequest, new: NewFace) -> bool:
        """Whether a face of the collection has exactly this embedding, as the same image gives it."""
        first = new.embeddings[0]
        near = self._store.nearest(
            first.vector.astype(np.float64), space=first.space, collection=request.collection, metric="euclidean", k=1
        )
        return any(one.distance == 0 for one in near)

    def _stored(
        self, request: RegisterRequest, plan: EmbeddingPlan, new: NewFace, idempotency_key: IdempotencyKey | None
    ) -> RegisterResponse:
        person_id, name = request.person_id, request.name
        other = self._belongs_to_another(request, plan, new)
        if other is not None and request.on_duplicate == "reject":
            self._log.keep(_refused(other, plan))
            known = {"person_id": other.person.id, "name": other.person.name, "distance": other.distance}
            details = known if is_granted(Scope.GALLERY_READ) else None
            raise Conflict(_TAKEN, details=details)
        if other is not None:
            person_id, name = other.person.id, None
        registration = Registration(
            faces=[new],
            collection=request.collection,
            person_id=person_id,
            name=name,
            labels=request.labels,
            metadata=request.metadata,
            retain_until=request.retain_until,
            idempotency_key=idempotency_key,
            event=new_event("register", collection=request.collection, model=plan.space.model),
        )
        person, (face,) = self._store.register(registration)
        return registered(person, face, is_named=_names(request, person))

    def _answered(
        self, request: RegisterRequest, idempotency_key: IdempotencyKey, *, by: str | None = None
    ) -> RegisterResponse | None:
        found = self._store.answered(idempotency_key.key, by=by)
        if found is None:
            return None
        if found.request != idempotency_key.request:
            raise Conflict("This Idempotency-Key was used for another request. Use a new key.")
        return registered(found.person, found.face, is_named=_names(request, found.person))

    def _belongs_to_another(self, request: RegisterRequest, plan: EmbeddingPlan, new: NewFace) -> PersonMatch | None:
        """The nearest other person with a face within the threshold; None if there is none."""
        if request.on_duplicate == "allow":
            return None
        near = self._store.nearest(
            new.embeddings[0].vector.astype(np.float64),
            space=plan.space,
            collection=request.collection,
            metric=plan.metric,
            k=2,
            within=plan.strict_threshold,
        )
        name = None if request.name is None else identity(request.name)
        others = (one for one in near if one.person.id != request.person_id and identity(one.person.name) != name)
        return next(others, None)


def _hash(*parts: str) -> str:
    return sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()


def _names(request: RegisterRequest, person: Person) -> bool:
    """Whether the request itself names this person: with `merge`, and in a retry, the face may be another person's."""
    by_name = request.name is not None and identity(request.name) == identity(person.name)
    return request.on_duplicate != "merge" and (by_name or person.id == request.person_id)


def _refused(other: PersonMatch, plan: EmbeddingPlan) -> Event:
    """The event of a face that is refused because it is within the threshold of another person's face."""
    return new_event(
        "register",
        "refused",
        collection=other.person.collection,
        person_id=other.person.id,
        face_id=other.face_id,
        reason=Conflict.code,
        model=plan.space.model,
        similarity_metric=plan.metric,
        threshold=plan.strict_threshold,
        distance=other.distance,
    )
