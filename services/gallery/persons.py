"""The use cases of persons, faces and collections: list, change, merge and delete them."""

from collections.abc import Sequence

from core.exceptions import FaceNotFound, PersonNotFound
from schemas.persons import (
    CollectionInfo,
    CollectionRow,
    CollectionsResponse,
    FaceChanges,
    FaceId,
    FaceInfo,
    FacesQuery,
    MergeRequest,
    PersonChanges,
    PersonDetails,
    PersonId,
    PersonInfo,
    PersonRow,
    PersonsQuery,
    PersonsResponse,
    Receipt,
)
from services.audit.recorder import EventLog, new_event
from services.gallery.answers import changed, changed_face, face_row, person_row, receipt, space_persons
from services.gallery.store.rows import cursor_of_face
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import FaceChange, NamedFace, Retention


class PersonService:
    """Lists, changes and deletes. Every change is one transaction of the database, including its event.

    A refused change has an event, too. If `within` is given, the person or face must be in that collection.
    """

    def __init__(self, *, store: GalleryStore, log: EventLog) -> None:
        self._store = store
        self._log = log

    def forget(self, number: str, *, within: str | None = None) -> Receipt:
        """Delete the face or person with this id; raises PersonNotFound."""
        try:
            return receipt(self._store.forget(new_event("forget"), face_id=number, within=within))
        except FaceNotFound:
            return self.forget_person(number, within=within)

    def forget_person(self, person_id: str, *, within: str | None = None) -> Receipt:
        """Delete a person and all of the person's faces; raises PersonNotFound."""
        with self._log.refusals("forget", person_id=person_id):
            return receipt(self._store.forget(new_event("forget"), person_id=person_id, within=within))

    def forget_face(self, face_id: str, *, within: str | None = None, last_with_person: bool = False) -> Receipt:
        """Delete a face, and the person with the last face if `last_with_person`; raises FaceNotFound."""
        with self._log.refusals("forget", face_id=face_id):
            forgotten = self._store.forget(
                new_event("forget"), face_id=face_id, within=within, last_with_person=last_with_person
            )
            return receipt(forgotten)

    def person(self, person_id: str, query: FacesQuery, *, within: str | None = None) -> PersonDetails:
        """A person with a page of faces; raises PersonNotFound, or ValidationFailed for an invalid cursor."""
        faces = self._store.faces(person_id, cursor=query.cursor, limit=query.limit + 1, within=within)
        person = self._store.person(person_id, within=within)
        page, is_last = faces[: query.limit], len(faces) <= query.limit
        return PersonDetails(
            **dict(person_row(person)),
            face_list=[face_row(face) for face in page],
            next_cursor=None if is_last else cursor_of_face(page[-1]),
        )

    def named(self, name: str, *, within: str) -> PersonRow:
        """The person of the collection with this name, in any spelling; raises PersonNotFound, Conflict."""
        return person_row(self._store.named(name, within=within))

    def persons(self, query: PersonsQuery) -> PersonsResponse:
        """A page of persons, sorted by name."""
        page = self._store.persons(
            collection=query.collection,
            name=query.name,
            labels=query.labels or {},
            cursor=query.cursor,
            limit=query.limit,
        )
        return PersonsResponse(persons=list(map(person_row, page.persons)), next_cursor=page.next_cursor)

    def of_face(self, face_id: str, *, within: str | None = None) -> PersonRow:
        """The person of a face; raises FaceNotFound."""
        return person_row(self._store.person(self._store.face(face_id, within=within).person_id))

    def names(self, *, within: str) -> list[str]:
        """The names of all persons of the collection, sorted."""
        return self._store.names(within)

    def add_person(self, name: str, *, within: str) -> str:
        """Create a person without faces; returns the ID. Raises Conflict if the name is taken."""
        with self._log.refusals("add_person", collection=within):
            return self._store.add_person(name, within, new_event("add_person", collection=within))

    def rename(self, name: str, new_name: str, *, within: str) -> None:
        """Rename a person of the collection. If another person has the new name, merge the first into that one.

        Raises:
            PersonNotFound: nobody has the name.
            Conflict: several persons have one of the names, or the two persons' `retain_until` differ.
        """
        person = self._store.named(name, within=within)
        try:
            other = self._store.named(new_name, within=within)
        except PersonNotFound:
            other = person
        if other.id == person.id:
            self.change_person(person.id, PersonChanges(name=new_name), within=within)
        else:
            self.merge(other.id, MergeRequest(person_ids=[person.id]), within=within)

    def change_person(
        self, person_id: str, changes: PersonChanges, *, within: str | None = None
    ) -> PersonInfo | PersonId:
        """Change the given fields; raises PersonNotFound, or Conflict if the name is taken."""
        given = changes.model_dump(exclude_unset=True)
        kept = {name: value for name, value in given.items() if value is not None or name == "retain_until"}
        event = new_event("change", fields=sorted(kept))
        with self._log.refusals("change", person_id=person_id):
            return changed(self._store.update(person_id, kept, event, within=within))

    def merge(self, person_id: str, request: MergeRequest, *, within: str | None = None) -> PersonInfo | PersonId:
        """Merge other persons of the collection into this one and delete them.

        Raises:
            PersonNotFound, Conflict: as `GalleryStore.merge`.
        """
        event = new_event("merge", merged=sorted(request.person_ids))
        limit = Retention(request.retain_until) if "retain_until" in request.model_fields_set else None
        with self._log.refusals("merge", person_id=person_id):
            return changed(self._store.merge(person_id, request.person_ids, event, limit=limit, within=within))

    def forget_everybody(self, *, within: str) -> tuple[int, int]:
        """Delete all persons of the collection; returns how many persons and faces."""
        return self._store.forget_everybody(within, new_event("forget", collection=within))

    def face(self, face_id: str, *, within: str | None = None) -> FaceInfo:
        """A face; raises FaceNotFound."""
        return FaceInfo(**face_row(self._store.face(face_id, within=within)).model_dump())

    def named_faces(self, *, within: str, name: str | None, skip: int, limit: int) -> tuple[Sequence[NamedFace], int]:
        """At most `limit` faces of the collection after the first `skip`, oldest first; and how many there are.

        With a `name`, only those of this person: none if nobody has it. Raises Conflict if several persons have it.
        """
        try:
            person_id = None if name is None else self._store.named(name, within=within).id
        except PersonNotFound:
            return [], 0
        return self._store.named_faces(within, person_id=person_id, skip=skip, limit=limit)

    def change_face(self, face_id: str, changes: FaceChanges, *, within: str | None = None) -> FaceInfo | FaceId:
        """Move a face to another person of its collection, or set it aside.

        Raises:
            FaceNotFound, PersonNotFound, Conflict: as `GalleryStore.change_face`.
        """
        given = changes.model_dump(exclude_none=True)
        event = new_event("change_face", fields=sorted(given))
        with self._log.refusals("change_face", face_id=face_id):
            return changed_face(self._store.change_face(face_id, FaceChange(**given), event, within=within))

    def photos(self, face_ids: Sequence[str]) -> dict[str, str]:
        """The names of the photos of those of the faces that have one, by the id of the face."""
        return self._store.photos(face_ids)

    def collections(self, *, only: str | None = None) -> CollectionsResponse:
        """All collections, or `only` that one."""
        mixed = self._store.mixed()
        rows = [
            CollectionRow(name=name, persons=persons, spaces=space_persons(mixed[name]) if name in mixed else None)
            for name, persons in self._store.collections().items()
            if only in (None, name)
        ]
        return CollectionsResponse(collections=rows)

    def add_collection(self, name: str) -> CollectionInfo:
        """Create a collection; raises Conflict if the name is taken."""
        with self._log.refusals("add_collection", collection=name):
            self._store.add_collection(name, new_event("add_collection", collection=name))
        return CollectionInfo(name=name, persons=0)

    def remove_collection(self, name: str, *, with_persons: bool) -> Receipt:
        """Delete a collection; raises NotFound, or Conflict if it has persons and `with_persons` is false."""
        event = new_event("remove_collection", collection=name)
        with self._log.refusals("remove_collection"):  # not with the name: it may be any text
            return receipt(self._store.remove_collection(name, event, with_persons=with_persons))
