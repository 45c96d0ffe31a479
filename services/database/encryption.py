"""Encrypts the face image of a face and, in SQLite, its embedding; pgvector needs to read embeddings.

The column `sealed_with` of a row names its encryption key. Null means that no key encrypted it: both values are plain,
or in PostgreSQL there is no face image. A row that cannot be decrypted is never skipped: reading it raises an error.

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
from services.database.schema import faces, sealing_keys
from services.database.upserts import insert_if_missing

_NO_KEY = "GALLERY_KEY: the gallery is encrypted, but no encryption key is set"
_WRONG_KEY = "GALLERY_KEY: the encryption key does not match this gallery"
_NOT_DECRYPTED = "GALLERY_KEY: the encryption key does not decrypt a face of this gallery"

# In `sealing_keys` while there are values from before the gallery had a key.
_PLAIN = "plain"

# What `Decryption` needs of a row.
COLUMNS = (faces.c.id, faces.c.person_id, faces.c.embedding, faces.c.crop, faces.c.sealed_with)

_EMBEDDING, _CROP = b"embedding", b"crop"


def problem(connection: sa.Connection, keyring: Keyring) -> str:
    """Why the encryption keys do not decrypt the gallery; empty if they do."""
    used = _used(connection) - {_PLAIN}
    return "" if used <= keyring.ids | keyring.bound.ids else _WRONG_KEY if keyring else _NO_KEY


def first_key(keyring: Keyring) -> str:
    """What `sealed_with` and `sealing_keys` hold for the key that encrypts; empty if there is none."""
    return keyring.bound.first


def plain(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """The condition that a face has a value that could be encrypted, and is not."""
    without = faces.c.sealed_with.is_(None)
    return without if connection.dialect.name == "sqlite" else without & faces.c.crop.is_not(None)


def columns(
    connection: sa.Connection,
    keyring: Keyring,
    number: UUID,
    person: UUID,
    *,
    embedding: npt.NDArray[np.float32],
    crop: bytes | None,
) -> dict[str, Any]:
    """The columns of the face with this id, of this person, that may be encrypted; records the key as used.

    Raises:
        ServiceUnavailable: the gallery is encrypted, and there is no key.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    if crop is None and not on_sqlite:
        return {"embedding": embedding, "crop": crop, "sealed_with": None}
    if not keyring:
        if _used(connection):  # since this process was started
            raise ServiceUnavailable(_NO_KEY)
        return {"embedding": embedding, "crop": crop, "sealed_with": None}
    _record_use(connection, keyring)
    content = embedding.astype("<f4").tobytes()
    return {
        "embedding": keyring.bound.encrypt(content, _bound(_EMBEDDING, number, person)) if on_sqlite else embedding,
        "crop": None if crop is None else keyring.bound.encrypt(crop, _bound(_CROP, number, person)),
        "sealed_with": first_key(keyring),
    }


def _record_use(connection: sa.Connection, keyring: Keyring) -> None:
    is_first = not _used(connection)
    insert_if_missing(connection, sealing_keys, {"id": first_key(keyring)})
    if is_first and connection.scalar(sa.select(sa.exists().where(plain(connection)))):
        insert_if_missing(connection, sealing_keys, {"id": _PLAIN})


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
        """The embedding of a row with `id`, `person_id`, `embedding` and `sealed_with`."""
        if not isinstance(row.embedding, bytes):
            return np.asarray(row.embedding, np.float32)  # from pgvector
        content = self.embedding(row.embedding, row.sealed_with, row.id.bytes, row.person_id.bytes)
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


def columns_anew(
    connection: sa.Connection, keyring: Keyring, read: Decryption, row: Any, person: UUID
) -> dict[str, Any]:
    """The columns of a row with COLUMNS that are encrypted anew, for this person; raises ServiceUnavailable."""
    embedding, crop = read.embedding_of(row), read.crop_of(row)
    anew = columns(connection, keyring, row.id, person, embedding=embedding, crop=crop)
    if not isinstance(anew["embedding"], bytes):
        del anew["embedding"]  # it stays unencrypted
    return anew


def _used(connection: sa.Connection) -> frozenset[str]:
    return frozenset(connection.scalars(sa.select(sealing_keys.c.id)))


def _bound(what: bytes, number: UUID, person: UUID) -> bytes:
    return what + number.bytes + person.bytes
