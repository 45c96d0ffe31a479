"""The use-cases of listing, changing and forgetting who is in the gallery."""

from core.exceptions import FaceNotFound, PersonNotFound
from services.gallery.store.store import GalleryStore


class ConfinementService:
    """Says whether a person or face lies in a collection, in which it then stays for as long as there is it."""

    def __init__(self, *, store: GalleryStore) -> None:
        self._store = store

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
