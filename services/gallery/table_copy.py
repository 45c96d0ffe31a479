"""The use-case of copying the gallery into a table of the owner's, which is searched by the owner's own SQL."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.encryption import Keyring
from schemas.common import EmbeddingOptions
from services.audit.events import Event
from services.audit.recorder import new_event
from services.database import encryption
from services.database.database import Database
from services.database.schema import faces, persons
from services.deepface.interface import EmbeddingSpace
from services.faces.options import Defaults
from services.gallery.owner_table import OwnerRow, OwnerTable, Replaced
from services.gallery.store.rows import text_of_space
from services.models.catalogue import catalogue

_PAGE = 500  # faces; each page is a transaction of its own, for a long one would keep SQLite's writers waiting
_COLUMNS = [
    *(faces.c[name] for name in ("id", "person_id", "embedding", "sealed_with", "detector", "weights", "confidence")),
    *(faces.c[name] for name in ("quality", "liveness", "registered_at")),
    *(persons.c[name] for name in ("name", "labels", "metadata", "retain_until")),
]


class FaceSource:
    """Reads the faces of the gallery's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, collection: str, space: EmbeddingSpace) -> Iterator[OwnerRow]:
        """The collection's faces in this space, a page in memory at a time, each page as at the moment of its reading.

        A row's metadata is what is known of the person and the face.

        Raises:
            ServiceUnavailable: the gallery does not answer.
        """
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


class TableCopyService:
    """Copies; `open_table` gives the table of a name at a URL. It is recorded before the rows are there."""

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
        """Make the table's rows of this collection and embedding space those that the gallery has now.

        They are known by `source`, `collection` and `space` in their metadata; all other rows stay. Without a `url` the
        table is in the gallery's own database.

        Raises:
            ServiceUnavailable, StorageFull: as `OwnerTable.replace`, or the gallery does not answer or takes no event.
        """
        space = self._defaults.embedding_plan(options).space
        dimension = catalogue.find(space.model).dim
        assert dimension is not None, "an option names no model but those that embed"
        mark = {"source": "gallery", "collection": collection, "space": asdict(space)}

        def rows() -> Iterator[OwnerRow]:
            faces = 0
            for row in self._source.rows(collection, space):
                yield replace(row, metadata={**row.metadata, **mark})
                faces += 1
            self._record(new_event("copy", collection=collection, faces=faces, model=space.model, table=table))

        return self._open_table(url or self._url, table).replace(rows(), mark=mark, dimension=dimension)


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
