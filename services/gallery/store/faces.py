"""The stored faces: read, change and move them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import Conflict, FaceNotFound, PersonNotFound
from services.audit.events import Event
from services.audit.store import record
from services.database import encryption, schema
from services.database.database import Database
from services.database.schema import as_id, faces
from services.gallery.store import writes
from services.gallery.store.rows import face_comes_after, face_in, id_of, person_in, read_faces
from services.gallery.store.values import FaceChange, StoredFace

_MAX_PARAMETERS = 500  # of a statement

_SELECT_CROPS = sa.select(faces.c.id, faces.c.person_id, faces.c.crop, faces.c.sealed_with)


class FaceStore:
    """The methods of `GalleryStore` for single faces."""

    _database: Database
    _keyring: Keyring

    def faces(
        self, person_id: str, *, cursor: str | None = None, limit: int | None = None, within: str | None = None
    ) -> list[StoredFace]:
        """The person's faces, in the order of registration: at most `limit`, and only those after the `cursor`.

        Raises:
            PersonNotFound: there is no such person.
            ValidationFailed: the cursor is not from `cursor_of_face`.
        """
        number = id_of(person_id, PersonNotFound)
        page = sa.select(faces.c.id).where(faces.c.person_id == number).limit(limit)
        if cursor is not None:
            page = page.where(face_comes_after(cursor))
        with self._database.reading() as connection:
            person_in(connection, number, within)
            return read_faces(connection, faces.c.id.in_(page.order_by(faces.c.registered_at, faces.c.id)))

    def face(self, face_id: str, *, within: str | None = None) -> StoredFace:
        """The face; raises FaceNotFound."""
        with self._database.reading() as connection:
            return face_in(connection, id_of(face_id, FaceNotFound), within)

    def change_face(self, face_id: str, change: FaceChange, event: Event, *, within: str | None = None) -> StoredFace:
        """Move the face to another person of its collection, or set it aside; returns it as it is then.

        Raises:
            FaceNotFound: there is no such face.
            PersonNotFound: there is no such person in the collection.
            Conflict: another request moved the face at the same time.
        """
        number = id_of(face_id, FaceNotFound)
        is_this = faces.c.id == number
        with self._database.writing() as connection:
            face = face_in(connection, number, within)
            if change.person_id is not None:
                person = id_of(change.person_id, PersonNotFound)
                for one in sorted({person, UUID(face.person_id)}):  # sorted, so that two moves cannot deadlock
                    writes.lock_person(connection, one, face.collection)
                if face_in(connection, number).person_id != face.person_id:
                    raise Conflict("The face was moved at the same time. Look at it again.")
                writes.move_faces(connection, self._keyring, is_this, person)
            if change.set_aside is not None:
                writes.set_aside(connection, is_this, is_set=change.set_aside)
            changed = face_in(connection, number)  # if it was just deleted, nothing has changed
            if changed.person_id != face.person_id:
                event = replace(event, details={**event.details, "moved_from": face.person_id})
            record(connection, event, schema.now(), person_id=changed.person_id, face_id=changed.id)
            return changed

    def photos(self, face_ids: Sequence[str]) -> dict[str, str]:
        """The names of the photos of those of the faces that have one, by the id of the face."""
        found: dict[str, str] = {}
        with self._database.reading() as connection:
            for start in range(0, len(face_ids), _MAX_PARAMETERS):
                some = [UUID(face_id) for face_id in face_ids[start : start + _MAX_PARAMETERS]]
                select = sa.select(faces.c.id, faces.c.photo).where(faces.c.id.in_(some) & faces.c.photo.is_not(None))
                found |= {str(row.id): row.photo for row in connection.execute(select)}
        return found

    def crop(self, face_id: str, *, within: str | None = None) -> bytes | None:
        """The image of the face, None if none was stored; raises FaceNotFound."""
        select = _within(_SELECT_CROPS.where(faces.c.id == id_of(face_id, FaceNotFound)), within)
        with self._database.reading() as connection:
            row = connection.execute(select).first()
            if row is None:
                raise FaceNotFound
            return encryption.Decryption(connection, self._keyring).crop_of(row)

    def crops(self, face_ids: Sequence[str], *, within: str | None = None) -> dict[str, bytes]:
        """The images of those of at most 500 faces that exist and have one, by the id of the face."""
        numbers = [number for face_id in face_ids if (number := as_id(face_id)) is not None]
        select = _within(_SELECT_CROPS.where(faces.c.id.in_(numbers), faces.c.crop.is_not(None)), within)
        with self._database.reading() as connection:
            read = encryption.Decryption(connection, self._keyring)
            found = {str(row.id): read.crop_of(row) for row in connection.execute(select)}
        return {face_id: crop for face_id, crop in found.items() if crop is not None}


def _within(select: sa.Select[Any], collection: str | None) -> sa.Select[Any]:
    return select if collection is None else select.where(writes.are_in(collection))
