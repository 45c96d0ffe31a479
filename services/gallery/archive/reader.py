"""Reads an export from an untrusted source: nothing in it is executed, decompressed or used unchecked."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

import numpy as np

from core.archives import check_members, read_manifest
from core.exceptions import CommandError
from services.deepface.interface import EmbeddingSpace
from services.gallery.archive.format import (
    FACES,
    MANIFEST,
    PERSONS,
    FaceLine,
    Manifest,
    PersonLine,
    SpaceOfFace,
    array_name,
    crop_name,
    dimension_of,
)
from services.gallery.store.values import ExportedFace, FaceEmbedding, NewFace, Person, Vector

# Maximum bytes of what is read at once.
_MAX_LINE = 1 << 24
_MAX_CROP = 1 << 26

# What zipfile, numpy and Pydantic raise for a damaged or foreign zip; OSError is for positions before its start.
_UNREADABLE = (BadZipFile, ValueError, LookupError, EOFError, NotImplementedError, RuntimeError, OSError)


class UnreadableExport(CommandError):
    """The file cannot be read, is not an export of a gallery, or is damaged."""


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise UnreadableExport("The file is not an export of a gallery, or is damaged.") from error


def open_export(path: Path) -> ZipFile:
    """The file at `path` as a zip; raises UnreadableExport."""
    with _readable():
        return ZipFile(path)


def checked(archive: ZipFile) -> Manifest:
    """The manifest, after checking that the members match it byte for byte, and that every line and array is readable.

    Raises:
        UnreadableExport: a check failed.
    """
    with _readable():
        manifest = _manifest(archive)
        for _ in persons_in(archive, manifest):
            pass
    return manifest


def _manifest(archive: ZipFile) -> Manifest:
    manifest = Manifest.model_validate_json(read_manifest(archive, MANIFEST))
    check_members(archive, MANIFEST, manifest.members)
    return manifest


def persons_in(archive: ZipFile, manifest: Manifest) -> Iterator[tuple[Person, list[ExportedFace]]]:
    """Every person of the archive with all faces; raises UnreadableExport."""
    with _readable(), ExitStack() as stack:
        persons, faces, *arrays = (
            stack.enter_context(archive.open(name))
            for name in (PERSONS, FACES, *(array_name(place) for place in range(len(manifest.spaces))))
        )
        spaces = [EmbeddingSpace(**space.model_dump()) for space in manifest.spaces]
        rows = [_embeddings(file, space) for file, space in zip(arrays, spaces, strict=True)]

        def embedding(one: FaceLine | SpaceOfFace) -> FaceEmbedding:
            return FaceEmbedding(space=spaces[one.space], vector=next(rows[one.space]), weights=one.weights)

        face_count = 0
        for _ in range(manifest.persons):
            line = PersonLine.model_validate_json(_line(persons))
            whole = []
            for _ in range(line.faces):
                face = FaceLine.model_validate_json(_line(faces))
                compared: list[FaceLine | SpaceOfFace] = [face, *face.also]
                if len({one.space for one in compared}) < len(compared):
                    raise ValueError("a face has an embedding space twice")
                whole.append(_face(archive, face, tuple(map(embedding, compared))))
            face_count += len(whole)
            yield Person(**line.model_dump() | {"id": str(line.id)}), whole
        if face_count != manifest.faces or any(file.read(1) for file in (persons, faces, *arrays)):
            raise ValueError("there is more than the manifest states")


def _line(file: IO[bytes]) -> bytes:
    line = file.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("a line is missing or too long")
    return line


def _embeddings(file: IO[bytes], space: EmbeddingSpace) -> Iterator[Vector]:
    """The rows of an array one by one, each float32 of shape (dimension,)."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("unknown array format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    dimension = dimension_of(space)
    if by_columns or dtype != np.dtype("<f4") or shape[1:] != (dimension,):
        raise ValueError("unexpected array")
    while True:
        row = np.frombuffer(file.read(4 * dimension), "<f4")
        if len(row) != dimension or not np.isfinite(row).all():
            raise ValueError("an embedding is missing or not finite")
        yield row


def _face(archive: ZipFile, line: FaceLine, embeddings: tuple[FaceEmbedding, ...]) -> ExportedFace:
    crop = None
    if line.has_crop:
        if archive.getinfo(crop_name(line.id)).file_size > _MAX_CROP:
            raise ValueError("an image is too large")
        crop = archive.read(crop_name(line.id))
    face = NewFace(
        embeddings=embeddings,
        detector=line.detector,
        area=line.area,
        confidence=line.confidence,
        quality=line.quality,
        liveness=line.liveness,
        crop=crop,
        photo=line.photo,
        set_aside=line.set_aside,
    )
    return ExportedFace(id=str(line.id), registered_at=line.registered_at, face=face)
