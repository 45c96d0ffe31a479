"""A database of CompreFace, with its schema."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

SCHEMA = Path(__file__).with_name("compreface.sql").read_text()
KEY = "00000000-0000-0000-0000-000000000002"  # of its demo service
CALCULATORS = ("facenet.Calculator", "insightface.Calculator@arcface-r100-msfdrop75")


class CompreFaceDatabase:
    """A database with the tables of CompreFace, at `url` as libpq writes it."""

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA.encode())
            connection.execute("INSERT INTO app VALUES (0, 'Demo app', 'a', 'a')")
        self.add_service(KEY)

    def add_service(self, key: str) -> None:
        """Another face collection."""
        with psycopg.connect(self.url) as connection:
            count = len(connection.execute("SELECT FROM model").fetchall())
            values = (count, f"Service {count}", key, key)
            connection.execute("INSERT INTO model VALUES (%s, %s, %s, 0, %s, 'R', now())", values)

    def add(
        self, name: str, *images: bytes | None, key: str = KEY, calculators: tuple[str, ...] = CALCULATORS[:1]
    ) -> list[UUID]:
        """A subject with these images, each embedded by every calculator; None is an embedding without an image.

        Gives the ids of the images, and of the embeddings without one.
        """
        with psycopg.connect(self.url) as connection:
            subject = uuid4()
            connection.execute("INSERT INTO subject VALUES (%s, %s, %s)", (subject, key, name))
            return [self._add(connection, subject, image, calculators) for image in images] or [subject]

    def _add(
        self, connection: psycopg.Connection[Any], subject: UUID, content: bytes | None, calculators: tuple[str, ...]
    ) -> UUID:
        image: UUID | None = None
        if content is not None:
            image = uuid4()
            connection.execute("INSERT INTO img VALUES (%s, %s)", (image, content))
        for calculator in calculators:
            number = uuid4()
            values = (number, subject, [0.1, -0.2], calculator, image)
            connection.execute("INSERT INTO embedding VALUES (%s, %s, %s, %s, %s)", values)
        return image or number
