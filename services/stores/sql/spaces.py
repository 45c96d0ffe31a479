"""Which embedding spaces the faces of the gallery are in."""

import sqlalchemy as sa

from services.engine.base import EmbeddingSpace
from services.stores.sql.rows import space_of_text
from services.stores.sql.schema import as_id, faces


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
