"""Encrypts the face image of a face and, in SQLite, its embedding; pgvector needs to read embeddings.

The column `sealed_with` of a row names its encryption key. Null means that no key encrypted it: both values are plain,
or in PostgreSQL there is no face image. A row that cannot be decrypted is never skipped: reading it raises an error.
"""

from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.encryption import DecryptionError, Keyring
from core.exceptions import ServiceUnavailable
from services.database.schema import sealing_keys
from services.database.upserts import insert_if_missing

_NO_KEY = "GALLERY_KEY: the gallery is encrypted, but no encryption key is set"
_WRONG_KEY = "GALLERY_KEY: the encryption key does not match this gallery"

EMBEDDING, _CROP = b"embedding", b"crop"


def problem(connection: sa.Connection, keyring: Keyring) -> str:
    """Why the encryption keys do not decrypt the gallery; empty if they do."""
    used = set(connection.scalars(sa.select(sealing_keys.c.id)))
    return "" if used <= keyring.ids else _WRONG_KEY if keyring else _NO_KEY


def columns(
    connection: sa.Connection, keyring: Keyring, number: UUID, embedding: npt.NDArray[np.float32], crop: bytes | None
) -> dict[str, Any]:
    """The columns of the face with this id that may be encrypted; records the key as used."""
    on_sqlite = connection.dialect.name == "sqlite"
    if not keyring or (crop is None and not on_sqlite):
        return {"embedding": embedding, "crop": crop, "sealed_with": None}
    insert_if_missing(connection, sealing_keys, {"id": keyring.first})
    content = embedding.astype("<f4").tobytes()
    return {
        "embedding": keyring.encrypt(content, EMBEDDING + number.bytes) if on_sqlite else embedding,
        "crop": None if crop is None else keyring.encrypt(crop, _CROP + number.bytes),
        "sealed_with": keyring.first,
    }


def embedding_of(keyring: Keyring, row: Any) -> npt.NDArray[np.float32]:
    """The embedding of a row with `id`, `embedding` and `sealed_with`; raises ServiceUnavailable."""
    stored = row.embedding
    if not isinstance(stored, bytes):
        return np.asarray(stored, np.float32)  # from pgvector
    return np.frombuffer(decrypted(keyring, stored, row.sealed_with, EMBEDDING + row.id.bytes), "<f4")


def crop_of(keyring: Keyring, row: Any) -> bytes | None:
    """The face image of a row with `id`, `crop` and `sealed_with`; raises ServiceUnavailable."""
    return None if row.crop is None else decrypted(keyring, bytes(row.crop), row.sealed_with, _CROP + row.id.bytes)


def decrypted(keyring: Keyring, stored: bytes, sealed_with: str | None, context: bytes) -> bytes:
    """The stored value, decrypted if it is encrypted; raises ServiceUnavailable."""
    if sealed_with is None:
        return stored
    try:
        return keyring.decrypt(stored, context)
    except DecryptionError:
        raise ServiceUnavailable("GALLERY_KEY: the encryption key does not decrypt a face of this gallery") from None
