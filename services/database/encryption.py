"""What of a face is sealed: its picture, and in SQLite its embedding, which pgvector has to read.

A row says in `sealed_with` which key has sealed it. Null is none: both are there as they are, or in PostgreSQL there is
no picture. A row that cannot be opened is never left out: whoever needs it is told.
"""

from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.encryption import Keyring, Unopenable
from core.exceptions import ServiceUnavailable
from services.database.schema import sealing_keys
from services.database.upserts import insert_if_missing

_NO_KEY = "GALLERY_KEY: the gallery is encrypted, and no key is given"
_WRONG_KEY = "GALLERY_KEY: it does not open this gallery"

EMBEDDING, _CROP = b"embedding", b"crop"


def problem(connection: sa.Connection, keyring: Keyring) -> str:
    """Why the keys do not open what the gallery may hold; empty if they do."""
    used = set(connection.scalars(sa.select(sealing_keys.c.id)))
    return "" if used <= keyring.ids else _WRONG_KEY if keyring else _NO_KEY


def columns(
    connection: sa.Connection, keyring: Keyring, number: UUID, embedding: npt.NDArray[np.float32], crop: bytes | None
) -> dict[str, Any]:
    """The columns of a face with this id that may be sealed; the key is then one of those that are used."""
    on_sqlite = connection.dialect.name == "sqlite"
    if not keyring or (crop is None and not on_sqlite):
        return {"embedding": embedding, "crop": crop, "sealed_with": None}
    insert_if_missing(connection, sealing_keys, {"id": keyring.first})
    content = embedding.astype("<f4").tobytes()
    return {
        "embedding": keyring.seal(content, EMBEDDING + number.bytes) if on_sqlite else embedding,
        "crop": None if crop is None else keyring.seal(crop, _CROP + number.bytes),
        "sealed_with": keyring.first,
    }


def embedding_of(keyring: Keyring, row: Any) -> npt.NDArray[np.float32]:
    """The embedding of a row with `id`, `embedding` and `sealed_with`; raises ServiceUnavailable."""
    stored = row.embedding
    if not isinstance(stored, bytes):
        return np.asarray(stored, np.float32)  # of pgvector
    return np.frombuffer(opened(keyring, stored, row.sealed_with, EMBEDDING + row.id.bytes), "<f4")


def crop_of(keyring: Keyring, row: Any) -> bytes | None:
    """The picture of a row with `id`, `crop` and `sealed_with`; raises ServiceUnavailable."""
    return None if row.crop is None else opened(keyring, bytes(row.crop), row.sealed_with, _CROP + row.id.bytes)


def opened(keyring: Keyring, stored: bytes, sealed_with: str | None, context: bytes) -> bytes:
    """What is stored, opened if a key has sealed it; raises ServiceUnavailable."""
    if sealed_with is None:
        return stored
    try:
        return keyring.open(stored, context)
    except Unopenable:
        raise ServiceUnavailable("GALLERY_KEY: it does not open a face of this gallery") from None
