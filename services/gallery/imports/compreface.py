"""Finds the subjects of CompreFace and their images in its PostgreSQL database."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from core.exceptions import CommandError
from core.images.decoding import ImagePolicy
from services.gallery.imports.entries import Entry, Unusable
from services.gallery.imports.foreign import ForeignDatabase, reading

NO_IMAGE = "no_image"

_COLLECTIONS = "SELECT DISTINCT api_key FROM subject"

# A row for each image of a subject, however many models embedded it; also for what has no image.
_IMAGES = """
SELECT DISTINCT subject.id AS subject_id, subject.subject_name, embedding.img_id,
    CASE WHEN embedding.img_id IS NULL THEN embedding.id END AS lone_id
FROM subject LEFT JOIN embedding ON embedding.subject_id = subject.id
WHERE subject.api_key = :api_key
"""

_IMAGE = "SELECT CASE WHEN octet_length(content) <= :most THEN content END AS content FROM img WHERE id = :id"


class SeveralCollections(CommandError):
    """The database has the face collections of several API keys."""


@contextmanager
def compreface_database(url: str, api_key: str, policy: ImagePolicy) -> Iterator[list[Entry]]:
    """The images of one face collection; without `api_key` of the only one. They are read while the block lasts.

    An embedding without an image, and a subject without an embedding, has the problem `no_image`.

    Raises:
        UnreadableDatabase: the database does not answer, or is not CompreFace's.
        SeveralCollections: there are several, and no `api_key`.
    """
    with reading(url, system="CompreFace", kinds=["postgresql"]) as database:
        keys = [api_key] if api_key else [row.api_key for row in database.rows(_COLLECTIONS)]
        if len(keys) > 1:
            raise SeveralCollections(
                f"The database has the face collections of {len(keys)} API keys. Pass one with --api-key."
            )
        found = [row for key in keys for row in database.rows(_IMAGES, api_key=key)]
        yield [_entry(database, policy, row.subject_name, row.img_id, row.lone_id or row.subject_id) for row in found]


def _entry(database: ForeignDatabase, policy: ImagePolicy, subject: str, image: UUID | None, other: UUID) -> Entry:
    if image is None:
        return Entry(source=f"{subject}/{other}", problem=NO_IMAGE)
    return Entry(
        source=f"{subject}/{image}",
        name=subject,
        read=partial(_content, database, policy, image),
        version=str(image),  # CompreFace never changes an image
    )


def _content(database: ForeignDatabase, policy: ImagePolicy, image: UUID) -> bytes:
    for row in database.rows(_IMAGE, id=image, most=policy.max_bytes):
        if row.content is None:
            raise Unusable("image_too_large")
        return bytes(row.content)
    raise Unusable(NO_IMAGE)
