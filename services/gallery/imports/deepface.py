"""Finds the faces that DeepFace's `register` stored, with their embeddings, in its SQLite or PostgreSQL tables."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from core.exceptions import LicenseForbidden
from schemas.common import EmbeddingOptions
from schemas.fields import Name
from services.database.schema import as_id
from services.deepface.interface import UNIT_LENGTH, EmbeddingSpace, FaceArea
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.gallery.imports.entries import Entry, Unusable
from services.gallery.imports.foreign import ForeignDatabase, reading
from services.gallery.store.values import FaceEmbedding, NewFace
from services.models.catalogue import catalogue

PersonFrom = Literal["folder", "stem", "name"]

_FACES = """
SELECT id, img_name, face_shape, model_name, detector_backend, aligned, l2_normalized FROM embeddings ORDER BY id
"""
_EMBEDDING = "SELECT embedding FROM embeddings WHERE id = :id"

# Why a row is refused, by the option that the service does not have.
_UNKNOWN = {
    "model_name": "unknown_model",
    "detector_backend": "unknown_detector",
    "normalization": "l2_normalized",  # the service has it for `base` only
}

_WEIGHTS = "unknown: imported from DeepFace"
_MAX_PX = 100_000  # side of a face
_NAME = TypeAdapter[str](Name)

# DeepFace keeps the face as the model got it, of which no quality can be measured.
_UNMEASURED = {"sharpness": 0.0, "brightness": 0.0, "score": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFaceTables:
    """A database of DeepFace: its URL or file, and what DeepFace does not store about its embeddings.

    `person_from` is the part of an image's name that names the person. DeepFace gives images without a name a random
    UUID, which names a person only if `allows_uuids`.
    """

    database: str
    normalization: str
    expand_percentage: int
    person_from: PersonFrom
    allows_uuids: bool


@contextmanager
def deepface_faces(tables: DeepFaceTables, defaults: Defaults) -> Iterator[list[Entry]]:
    """Every face of the tables, whichever model embedded it. The embeddings are read while the block lasts.

    Faces that were not aligned, and embeddings of length 1, get embedding spaces of their own.

    Raises:
        UnreadableDatabase: the database does not answer, or is not DeepFace's.
    """
    with reading(tables.database, system="DeepFace", kinds=["sqlite", "postgresql"]) as database:
        yield [_entry(database, tables, defaults, row) for row in database.rows(_FACES)]


def _entry(database: ForeignDatabase, tables: DeepFaceTables, defaults: Defaults, row: Any) -> Entry:
    img_name = str(row.img_name)  # in SQLite, a column may hold any type
    source = f"row {row.id}: {img_name}"
    if as_id(img_name) is not None and not tables.allows_uuids:
        return Entry(source=source, problem="uuid_name")
    try:
        plan = defaults.embedding_plan(_options(tables, row))
    except ValidationError as error:
        return Entry(source=source, problem=_UNKNOWN[str(error.errors(include_input=False)[0]["loc"][0])])
    except LicenseForbidden as error:
        return Entry(source=source, problem=error.code)
    return Entry(
        source=source,
        name=_person(img_name, tables.person_from),
        read=partial(_face, database, plan, row),
    )


def _options(tables: DeepFaceTables, row: Any) -> EmbeddingOptions:
    """How DeepFace made the embedding of a row."""
    return EmbeddingOptions.model_validate(
        {
            "model_name": row.model_name,
            "detector_backend": row.detector_backend,
            "align": bool(row.aligned),
            "alignment": "eyes",
            "detection": "deepface",
            "normalization": f"{tables.normalization}{UNIT_LENGTH if row.l2_normalized else ''}",
            "expand_percentage": tables.expand_percentage,
        }
    )


def _person(img_name: str, part: PersonFrom) -> str:
    """The person's name in the name of an image; empty if it has none."""
    if part == "name" or as_id(img_name) is not None:
        return img_name
    path = PurePosixPath(re.sub(r"[/\\]+", "/", img_name))
    return path.stem if part == "stem" else path.parent.name


def _face(database: ForeignDatabase, plan: EmbeddingPlan, row: Any) -> NewFace:
    found = database.rows(_EMBEDDING, id=row.id)
    if not found:  # deleted meanwhile
        raise Unusable("unreadable")
    width, height = _sides(row.face_shape)
    return NewFace(
        embeddings=(FaceEmbedding(space=plan.space, vector=_vector(found[0].embedding, plan.space), weights=_WEIGHTS),),
        detector=plan.detection.detector,
        area=FaceArea(x=0, y=0, w=width, h=height),
        confidence=0.0,
        quality=_UNMEASURED | {"size_px": min(width, height)},
        photo=_photo(row.img_name),
    )


def _vector(stored: Any, space: EmbeddingSpace) -> npt.NDArray[np.float32]:
    """The embedding of a column: float64 as bytes in SQLite, as an array in PostgreSQL."""
    try:
        numbers = np.frombuffer(stored, "<f8") if isinstance(stored, bytes) else np.array(stored, np.float64)
    except (ValueError, TypeError):
        raise Unusable("invalid_embedding") from None
    with np.errstate(over="ignore"):  # beyond float32, numbers become infinite
        vector = numbers.astype(np.float32)
    if vector.shape != (catalogue.find(space.model).dim,) or not np.isfinite(vector).all() or not vector.any():
        raise Unusable("invalid_embedding")
    return vector


def _sides(shape: Any) -> tuple[int, int]:
    """Width and height of the stored face in pixels, from its shape: JSON in SQLite, an array in PostgreSQL."""
    with suppress(ValueError, TypeError, RecursionError):
        height, width, _ = (json.loads(shape) if isinstance(shape, str) else shape)[-3:]
        if all(isinstance(side, int) and 0 < side <= _MAX_PX for side in (width, height)):
            return width, height
    return 1, 1


def _photo(img_name: str) -> str | None:
    with suppress(ValidationError):
        return _NAME.validate_python(img_name)
    return None
