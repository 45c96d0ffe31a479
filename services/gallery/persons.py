"""The use-cases of who is in the gallery: persons, their faces and collections, and forgetting them."""

from core.exceptions import FaceNotFound, PersonNotFound
from schemas.persons import (
    CollectionInfo,
    CollectionRow,
    CollectionsResponse,
    FaceInfo,
    FaceRow,
    MergeRequest,
    PersonChanges,
    PersonDetails,
    PersonInfo,
    PersonRow,
    PersonsQuery,
    PersonsResponse,
    Receipt,
)
from services.audit.recorder import new_event
from services.gallery.answers import of_face, of_person, receipt
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import Limit


class PersonService:
    """Lists, changes and forgets. Every change is one transaction of the store, its event included."""

    def __init__(self, *, store: GalleryStore) -> None:
        self._store = store

    def forget(self, number: str) -> Receipt:
        """Forget the face or person of this id; raises PersonNotFound."""
        try:
            return self.forget_face(number)
        except FaceNotFound:
            return self.forget_person(number)

    def forget_person(self, person_id: str) -> Receipt:
        """Forget a person and all faces; raises PersonNotFound."""
        return receipt(self._store.forget(new_event("forget"), person_id=person_id))

    def forget_face(self, face_id: str) -> Receipt:
        """Forget a face; raises FaceNotFound."""
        return receipt(self._store.forget(new_event("forget"), face_id=face_id))

    def person(self, person_id: str) -> PersonDetails:
        """A person with all faces; raises PersonNotFound."""
        faces = [FaceRow(**of_face(face)) for face in self._store.faces(person_id)]
        return PersonDetails(**of_person(self._store.person(person_id)), face_list=faces)

    def persons(self, query: PersonsQuery) -> PersonsResponse:
        """A page of persons, by name."""
        page = self._store.persons(
            collection=query.collection,
            name=query.name,
            labels=query.labels or {},
            cursor=query.cursor,
            limit=query.limit,
        )
        persons = [PersonRow(**of_person(person)) for person in page.persons]
        return PersonsResponse(persons=persons, next_cursor=page.next_cursor)

    def change_person(self, person_id: str, changes: PersonChanges) -> PersonInfo:
        """Change what is given; raises PersonNotFound, and Conflict where the name is taken."""
        given = changes.model_dump(exclude_unset=True)
        kept = {name: value for name, value in given.items() if value is not None or name == "retain_until"}
        return PersonInfo(**of_person(self._store.update(person_id, kept, new_event("change", fields=sorted(kept)))))

    def merge(self, person_id: str, request: MergeRequest) -> PersonInfo:
        """Give the person all that others of the collection have, who are then no more.

        Raises:
            PersonNotFound, Conflict: as `GalleryStore.merge`.
        """
        event = new_event("merge", merged=sorted(request.person_ids))
        limit = Limit(request.retain_until) if "retain_until" in request.model_fields_set else None
        return PersonInfo(**of_person(self._store.merge(person_id, request.person_ids, event, limit=limit)))

    def face(self, face_id: str) -> FaceInfo:
        """A face; raises FaceNotFound."""
        return FaceInfo(**of_face(self._store.face(face_id)))

    def crop(self, face_id: str) -> bytes:
        """The PNG of a face; raises FaceNotFound, also where none was stored."""
        crop = self._store.crop(face_id)
        if crop is None:
            raise FaceNotFound("No picture of this face was stored.")
        return crop

    def collections(self, *, only: str | None = None) -> CollectionsResponse:
        """All collections, or `only` that one."""
        all_ = self._store.collections().items()
        return CollectionsResponse(collections=[CollectionRow(name=n, persons=p) for n, p in all_ if only in (None, n)])

    def add_collection(self, name: str) -> CollectionInfo:
        """Make a collection; raises Conflict where there is one of this name."""
        self._store.add_collection(name, new_event("add_collection", collection=name))
        return CollectionInfo(name=name, persons=0)

    def remove_collection(self, name: str, *, with_persons: bool) -> Receipt:
        """Remove a collection; raises NotFound, and Conflict if there are persons in it unless `with_persons`."""
        event = new_event("remove_collection", collection=name)
        return receipt(self._store.remove_collection(name, event, with_persons=with_persons))

    def require_person(self, person_id: str, collection: str) -> None:
        """Raise PersonNotFound if there is no such person in the collection."""
        if self._store.person(person_id).collection != collection:
            raise PersonNotFound

    def require_face(self, face_id: str, collection: str) -> None:
        """Raise FaceNotFound if there is no such face in the collection."""
        if self._store.face(face_id).collection != collection:
            raise FaceNotFound

    def require_either(self, number: str, collection: str) -> None:
        """Raise PersonNotFound if the id is neither a face's nor a person's of the collection."""
        try:
            self.require_face(number, collection)
        except FaceNotFound:
            self.require_person(number, collection)
