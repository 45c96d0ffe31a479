"""The use-case of copying the gallery into a table of the owner's, which is searched by the owner's own SQL."""

from collections.abc import Callable
from dataclasses import asdict, replace

from schemas.common import EmbeddingOptions
from services.engine import catalogue
from services.options import Defaults
from services.stores.owner_base import FaceSource, OwnerTable, Replaced


class TableCopyService:
    """Copies; `open_table` gives the table of a name at a URL."""

    def __init__(
        self, *, source: FaceSource, open_table: Callable[[str, str], OwnerTable], defaults: Defaults, url: str
    ) -> None:
        self._source = source
        self._open_table = open_table
        self._defaults = defaults
        self._url = url

    def copy(self, *, url: str, table: str, collection: str, options: EmbeddingOptions) -> Replaced:
        """Make the table's rows of this collection and embedding space those that the gallery has now.

        They are known by `source`, `collection` and `space` in their metadata; all other rows stay. Without a `url` the
        table is in the gallery's own database.

        Raises:
            ServiceUnavailable, StorageFull: as `OwnerTable.replace`, or the gallery does not answer.
        """
        space = self._defaults.space_of(options)
        dimension = catalogue.find(space.model).dim
        assert dimension is not None, "an option names no model but those that embed"
        mark = {"source": "gallery", "collection": collection, "space": asdict(space)}
        rows = (replace(row, metadata={**row.metadata, **mark}) for row in self._source.rows(collection, space))
        return self._open_table(url or self._url, table).replace(rows, mark=mark, dimension=dimension)
