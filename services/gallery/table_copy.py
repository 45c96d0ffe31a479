"""The use case of copying the gallery to a customer's table, for searching it with SQL."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from schemas.common import EmbeddingOptions
from services.audit.events import Event
from services.audit.recorder import new_event
from services.database import encryption
from services.database.database import Database
from services.database.schema import embeddings, faces, persons
from services.deepface.interface import EmbeddingSpace
from services.faces.options import Defaults
from services.gallery.owner_table import OwnerRow, OwnerTable, Replaced
from services.gallery.store.rows import text_of_space
from services.models.catalogue import catalogue

_PAGE = 500  # faces; each page is a transaction of its own, because a long one would block SQLite's writers
_COLUMNS = [
    *(embeddings.c[name] for name in ("face_id", "person_id", "embedding", "sealed_with", "weights")),
    *(faces.c[name] for name in ("detector", "confidence", "quality", "liveness", "registered_at")),
    *(persons.c[name] for name in ("name", "labels", "metadata", "retain_until")),
]


class FaceSource:
    """Reads the faces of the gallery's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, collection: str, space: EmbeddingSpace) -> Iterator[OwnerRow]:
        """The collection's faces in this embedding space, read in pages; each page is as of its own reading.

        Faces that are set aside are left out. Only one page is in memory at a time. A row's metadata describes the
        person and the face.

        Raises:
            ServiceUnavailable: the gallery's database does not answer.
        """
        select = (
            sa.select(*_COLUMNS)
            .join(faces, faces.c.id == embeddings.c.face_id)
            .join(persons, persons.c.id == embeddings.c.person_id)
            # An expression: with the bare columns, PostgreSQL would use their index and sort all faces for every page.
            .where(sa.func.coalesce(embeddings.c.collection, "") == collection)
            .where(embeddings.c.space == text_of_space(space), ~embeddings.c.set_aside)
            .order_by(embeddings.c.face_id)
            .limit(_PAGE)
        )
        last: UUID | None = None
        while True:
            with self._database.reading() as connection:
                page = connection.execute(select if last is None else select.where(embeddings.c.face_id > last)).all()
                read = encryption.Decryption(connection, self._database.keyring)
            yield from (_row(read, row) for row in page)
            if len(page) < _PAGE:
                return
            last = page[-1].face_id


class TableCopyService:
    """Copies the gallery; `open_table` opens a table by URL and name. The event is recorded before the rows exist."""

    def __init__(
        self,
        *,
        source: FaceSource,
        record: Callable[[Event], None],
        open_table: Callable[[str, str], OwnerTable],
        defaults: Defaults,
        url: str,
    ) -> None:
        self._source = source
        self._record = record
        self._open_table = open_table
        self._defaults = defaults
        self._url = url

    def copy(self, *, url: str, table: str, collection: str, options: EmbeddingOptions) -> Replaced:
        """Replace the table's rows of this collection and embedding space with the gallery's current faces.

        `source`, `collection` and `space` in the metadata identify these rows. All other rows stay. Without a `url`,
        the table is in the gallery's own database.

        Raises:
            ServiceUnavailable, StorageFull: as `OwnerTable.replace`; or the gallery's database does not answer, or
                cannot record the event.
        """
        space = self._defaults.embedding_plan(options).space
        dimension = catalogue.find(space.model).dim
        assert dimension is not None, "the options name only models that embed"
        mark = {"source": "gallery", "collection": collection, "space": asdict(space)}

        def rows() -> Iterator[OwnerRow]:
            faces = 0
            for row in self._source.rows(collection, space):
                yield replace(row, metadata={**row.metadata, **mark})
                faces += 1
            self._record(new_event("copy", collection=collection, faces=faces, model=space.model, table=table))

        return self._open_table(url or self._url, table).replace(rows(), mark=mark, dimension=dimension)


def _row(read: encryption.Decryption, row: Any) -> OwnerRow:
    known = {name: getattr(row, name) for name in ("labels", "detector", "weights", "confidence", "quality")}
    return OwnerRow(
        id=str(row.face_id),
        person_id=str(row.person_id),
        label=row.name,
        embedding=read.embedding_of(row),
        metadata=known
        | {
            "metadata": row.metadata,
            "liveness": row.liveness,
            "retain_until": None if row.retain_until is None else row.retain_until.isoformat(),
        },
        created_at=row.registered_at,
    )
