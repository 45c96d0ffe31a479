"""Encrypts the image of a face and, in SQLite, its embeddings; pgvector needs to read embeddings.

The column `sealed_with` of a row names its encryption key. Null means that no key encrypted it: the value is plain, or
there is no face image. A row that cannot be decrypted is never skipped: reading it raises an error.

The ids of the face and of its person are authenticated, so that a value moved to another row is not decrypted. Earlier
versions authenticated the id of the face alone, under another key ID. The table `sealing_keys` says what may still be
read: once a rotation has removed the other IDs, earlier values and plain ones are not.
"""

from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.encryption import DecryptionError, Keyring, key_id
from core.exceptions import ServiceUnavailable
from services.database.schema import embeddings, faces, sealing_keys
from services.database.upserts import insert_if_missing

_NO_KEY = "GALLERY_KEY: the gallery is encrypted, but no encryption key is set"
_WRONG_KEY = "GALLERY_KEY: the encryption key does not match this gallery"
_NOT_DECRYPTED = "GALLERY_KEY: the encryption key does not decrypt a face of this gallery"

# In `sealing_keys` while there are values from before the gallery had a key.
_PLAIN = "plain"

_EMBEDDING, _CROP = b"embedding", b"crop"


def problem(connection: sa.Connection, keyring: Keyring) -> str:
    """Why the encryption keys do not decrypt the gallery; empty if they do."""
    used = _used(connection) - {_PLAIN}
    return "" if used <= keyring.ids | keyring.bound.ids else _WRONG_KEY if keyring else _NO_KEY


def first_key(keyring: Keyring) -> str:
    """What `sealed_with` and `sealing_keys` hold for the key that encrypts; empty if there is none."""
    return keyring.bound.first


class Encryption:
    """Encrypts the columns of rows in a transaction; the first value records the key as used.

    Without a key the values stay plain. Every method raises ServiceUnavailable if the gallery is encrypted all the
    same.
    """

    def __init__(self, connection: sa.Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._is_recorded = False

    def embedding(self, number: UUID, person: UUID, vector: npt.NDArray[np.float32]) -> dict[str, Any]:
        """The columns of an embedding of the face and the person with these ids."""
        if not _seals_embeddings(self._connection):
            return {"embedding": vector, "sealed_with": None}
        return self._columns("embedding", vector.astype("<f4").tobytes(), _bound(_EMBEDDING, number, person))

    def crop(self, number: UUID, person: UUID, crop: bytes | None) -> dict[str, Any]:
        """The columns of the image of the face with this id, of this person; None if there is none."""
        if crop is None:
            return {"crop": None, "sealed_with": None}
        return self._columns("crop", crop, _bound(_CROP, number, person))

    def _columns(self, name: str, content: bytes, bound: bytes) -> dict[str, Any]:
        if not self._is_recorded:
            self._record_use()
        if not self._keyring:
            return {name: content, "sealed_with": None}
        return {name: self._keyring.bound.encrypt(content, bound), "sealed_with": first_key(self._keyring)}

    def _record_use(self) -> None:
        used = _used(self._connection)
        if not self._keyring:
            if used:  # since this process was started
                raise ServiceUnavailable(_NO_KEY)
        else:
            insert_if_missing(self._connection, sealing_keys, {"id": first_key(self._keyring)})
            if not used and self._connection.scalar(sa.select(_has_plain(self._connection))):
                insert_if_missing(self._connection, sealing_keys, {"id": _PLAIN})
        self._is_recorded = True


def _has_plain(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Whether a value of the gallery could be encrypted, and is not."""
    crops = sa.exists().where(faces.c.crop.is_not(None), faces.c.sealed_with.is_(None))
    return crops | sa.exists().where(embeddings.c.sealed_with.is_(None)) if _seals_embeddings(connection) else crops


def _seals_embeddings(connection: sa.Connection) -> bool:
    return connection.dialect.name == "sqlite"


class Decryption:
    """Reads the encrypted columns of rows in a transaction. Every method raises ServiceUnavailable for a value that

    - no key decrypts, or that was changed or moved to another face or person;
    - is plain, or encrypted by an earlier version, although a rotation has encrypted all values since.
    """

    def __init__(self, connection: sa.Connection, keyring: Keyring) -> None:
        self._keyring = keyring
        self._used = _used(connection) if keyring else frozenset()
        self._takes_plain = not self._used or _PLAIN in self._used or not self._used.isdisjoint(keyring.ids)

    def embedding_of(self, row: Any) -> npt.NDArray[np.float32]:
        """The embedding of a row with `face_id`, `person_id`, `embedding` and `sealed_with`."""
        if not isinstance(row.embedding, bytes):
            return np.asarray(row.embedding, np.float32)  # from pgvector
        content = self.embedding(row.embedding, row.sealed_with, row.face_id.bytes, row.person_id.bytes)
        return np.frombuffer(content, "<f4")

    def embedding(self, stored: bytes, sealed_with: str | None, number: bytes, person: bytes) -> bytes:
        """The bytes of an embedding in SQLite, of the face and the person with these ids."""
        return self._decrypted(stored, sealed_with, _EMBEDDING, number, person)

    def crop_of(self, row: Any) -> bytes | None:
        """The face image of a row with `id`, `person_id`, `crop` and `sealed_with`."""
        if row.crop is None:
            return None
        return self._decrypted(bytes(row.crop), row.sealed_with, _CROP, row.id.bytes, row.person_id.bytes)

    def _decrypted(self, stored: bytes, sealed_with: str | None, what: bytes, number: bytes, person: bytes) -> bytes:
        if sealed_with is None and self._takes_plain:
            return stored
        key = key_id(stored)
        try:
            if sealed_with != key or key not in self._used:
                raise DecryptionError
            if key in self._keyring.ids:  # by an earlier version
                return self._keyring.decrypt(stored, what + number)
            return self._keyring.bound.decrypt(stored, what + number + person)
        except DecryptionError:
            raise ServiceUnavailable(_NOT_DECRYPTED) from None


def _used(connection: sa.Connection) -> frozenset[str]:
    return frozenset(connection.scalars(sa.select(sealing_keys.c.id)))


def _bound(what: bytes, number: UUID, person: UUID) -> bytes:
    return what + number.bytes + person.bytes
