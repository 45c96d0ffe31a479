"""What is in the gallery: its collections, and the embedding spaces of its faces."""

import sqlalchemy as sa

from services.database.schema import as_id, collections, faces, persons
from services.deepface.interface import EmbeddingSpace
from services.gallery.store.rows import space_of_text


def held(connection: sa.Connection, collection: str, person_id: str | None) -> dict[EmbeddingSpace, int]:
    """As `GalleryStore.spaces`."""
    select = sa.select(faces.c.space, faces.c.dimension).where(faces.c.collection == collection).distinct()
    if person_id is not None:
        select = select.where(faces.c.person_id == as_id(person_id))
    return {space_of_text(row.space): row.dimension for row in connection.execute(select)}


def counts(connection: sa.Connection) -> dict[tuple[str, EmbeddingSpace], int]:
    """As `GalleryStore.face_counts`."""
    key = (faces.c.collection, faces.c.space)
    select = sa.select(*key, sa.func.count().label("faces")).group_by(*key).order_by(*key)
    return {(row.collection, space_of_text(row.space)): row.faces for row in connection.execute(select)}


def persons_of_collections(connection: sa.Connection) -> dict[str, int]:
    """How many persons each collection has."""
    count = sa.select(sa.func.count()).where(persons.c.collection == collections.c.name).scalar_subquery()
    rows = connection.execute(sa.select(collections.c.name, count.label("persons")).order_by("name"))
    return {row.name: row.persons for row in rows}
