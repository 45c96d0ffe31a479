"""The use-case of copying the gallery into a table of the owner's, which is searched by the owner's own SQL."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

from schemas.common import EmbeddingOptions
from services.audit.events import Event
from services.audit.recorder import new_event
from services.faces.options import Defaults
from services.models.catalogue import catalogue
from services.stores.owner_base import FaceSource, OwnerRow, OwnerTable, Replaced


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
        space = self._defaults.space_of(options)
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
