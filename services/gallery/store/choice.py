"""Selects the search for a gallery's database."""

from services.database.database import Database
from services.database.sqlite import SqliteDatabase
from services.gallery.store.pgvector_search import PgVectorSearch
from services.gallery.store.search import FaceSearch
from services.gallery.store.sqlite_search import MatrixSearch


def make_search(database: Database) -> FaceSearch:
    """The search for the faces in this database."""
    return MatrixSearch(database) if isinstance(database, SqliteDatabase) else PgVectorSearch(database)
