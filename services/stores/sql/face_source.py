"""The faces of a gallery, page by page, for a table of the owner's."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import override

from core.encryption import Keyring
from services.database import encryption
from services.database.database import Database
from services.database.schema import faces, persons
from services.deepface.interface import EmbeddingSpace
from services.gallery.store.rows import text_of_space
from services.stores.owner_base import FaceSource, OwnerRow

_PAGE = 500  # faces; each page is a transaction of its own, for a long one would keep SQLite's writers waiting

_COLUMNS = [
    *(faces.c[name] for name in ("id", "person_id", "embedding", "sealed_with", "detector", "weights", "confidence")),
    *(faces.c[name] for name in ("quality", "liveness", "registered_at")),
    *(persons.c[name] for name in ("name", "labels", "metadata", "retain_until")),
]


class SqlFaceSource(FaceSource):
    """Reads the gallery's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def rows(self, collection: str, space: EmbeddingSpace) -> Iterator[OwnerRow]:
        select = (
            sa.select(*_COLUMNS)
            .join(persons, persons.c.id == faces.c.person_id)
            # An expression, because the index on the bare columns would have all faces sorted anew for every page.
            .where(sa.func.coalesce(faces.c.collection, "") == collection, faces.c.space == text_of_space(space))
            .order_by(faces.c.id)
            .limit(_PAGE)
        )
        last: UUID | None = None
        while True:
            with self._database.reading() as connection:
                page = connection.execute(select if last is None else select.where(faces.c.id > last)).all()
            yield from (_row(self._database.keyring, row) for row in page)
            if len(page) < _PAGE:
                return
            last = page[-1].id


def _row(keyring: Keyring, row: Any) -> OwnerRow:
    known = {name: getattr(row, name) for name in ("labels", "detector", "weights", "confidence", "quality")}
    return OwnerRow(
        id=str(row.id),
        person_id=str(row.person_id),
        label=row.name,
        embedding=encryption.embedding_of(keyring, row),
        metadata=known
        | {
            "metadata": row.metadata,
            "liveness": row.liveness,
            "retain_until": None if row.retain_until is None else row.retain_until.isoformat(),
        },
        created_at=row.registered_at,
    )
