"""The use cases of exporting the gallery to a file, and of importing such a file."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal
from uuid import UUID
from zipfile import ZipFile

import numpy as np
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from core.archives import chunks_of, write_member
from core.exceptions import CommandError, Conflict, PersonNotFound, ValidationFailed
from core.files import atomically_written
from services.audit.events import Event
from services.audit.recorder import new_event
from services.deepface.interface import EmbeddingSpace
from services.gallery.archive.format import (
    FACES,
    MANIFEST,
    PERSONS,
    FaceLine,
    Manifest,
    PersonLine,
    Space,
    SpaceOfFace,
    StorablePerson,
    array_name,
    crop_name,
    dimension_of,
)
from services.gallery.archive.reader import checked, open_export, persons_in
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import ExportedFace, FaceEmbedding, Person


@dataclass(slots=True)
class Imported:
    """How many persons were stored, and how many existed already.

    `joined` are persons whose name is another spelling of a name here: the ids of both. `refused` are the names of
    persons that conflict with others. `invalid` says of the ids of persons why their values cannot be stored.
    """

    stored: int = 0
    known: int = 0
    joined: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    invalid: dict[str, str] = field(default_factory=dict)


class IncompleteExport(CommandError):
    """The export is written, but without persons whose stored values cannot be read."""


class GalleryFileService:
    """Exports and imports a gallery; an export is recorded as an event before its file exists."""

    def __init__(self, *, store: GalleryStore, record: Callable[[Event], None]) -> None:
        self._store = store
        self._record = record

    def export(self, path: Path) -> tuple[int, int]:
        """Export all persons to `path`, as of one moment; returns how many persons and faces.

        Raises:
            IncompleteExport: persons that cannot be read are left out; the file is written.
            OSError: the file cannot be written; an existing file stays unchanged.
            ServiceUnavailable, StorageFull: the database does not answer, or cannot record the event; an existing file
                stays unchanged.
        """
        with ExitStack() as stack:
            archive = stack.enter_context(ZipFile(stack.enter_context(atomically_written(path)), "w"))
            # In the folder of the export, which has room for it. A zip is written one member at a time.
            writer = _Writer(archive, lambda: stack.enter_context(TemporaryFile(dir=path.parent)))
            with self._store.snapshot() as snapshot:
                for person, its_faces in snapshot.persons:
                    writer.add(person, its_faces)
                persons, faces = writer.finish(snapshot.collections)
            self._record(new_event("export", persons=persons, faces=faces))
        if writer.left_out:
            raise IncompleteExport(
                f"{persons} persons, {faces} faces exported, without persons that cannot be read:"
                f" {', '.join(writer.left_out)}. Replace their metadata, and export again."
            )
        return persons, faces

    def load(self, path: Path) -> Imported:
        """Import the persons of the file that do not exist here, each in one transaction.

        A person whose name is another spelling of a name here gives its faces to that person.

        Raises:
            UnreadableExport: the file is not an export, or has changed since; nothing was stored.
            ServiceUnavailable, StorageFull: the persons before stay stored.
        """
        done = Imported()
        with open_export(path) as archive:
            manifest = checked(archive)
            for person, faces in persons_in(archive, manifest):
                try:
                    self._take(_storable(person), faces, done)
                except ValidationError as error:
                    if self._exists(person):
                        done.known += 1
                    else:
                        done.invalid[person.id] = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
                except ValidationFailed as error:
                    done.invalid[person.id] = "; ".join(one["msg"] for one in error.details["fields"])
                except Conflict:
                    done.refused.append(person.name)
        for name in set(manifest.collections) - set(self._store.collections()):
            self._store.add_collection(name, new_event("add_collection", collection=name))
        return done

    def _exists(self, person: Person) -> bool:
        with suppress(PersonNotFound):
            return bool(self._store.person(person.id))
        return False

    def _take(self, person: Person, faces: list[ExportedFace], done: Imported) -> None:
        event = new_event("import", collection=person.collection, face_ids=[one.id for one in faces])
        try:
            stored = self._store.restore(person, faces, event)
        except Conflict:
            first = self._store.join(person, faces, event)
            if first is None:
                raise
            done.joined[person.id] = first.id
        else:
            done.stored += stored
            done.known += not stored


def _storable(person: Person) -> Person:
    """The person as a request could have made it; raises Pydantic's ValidationError."""
    return replace(person, **dict(StorablePerson.model_validate(person, from_attributes=True)))


class _Writer:
    """Collects the content of each member, and writes the zip at the end; face images are written at once."""

    def __init__(self, archive: ZipFile, temporary: Callable[[], IO[bytes]]) -> None:
        self._archive = archive
        self._temporary = temporary
        self._persons, self._faces = temporary(), temporary()
        self._embeddings: dict[EmbeddingSpace, IO[bytes]] = {}
        self._digests: dict[str, str] = {}
        self._person_count = self._face_count = 0
        self._format: Literal[1, 2, 3] = 1
        self.left_out: list[str] = []  # the ids of persons that cannot be read

    def add(self, person: Person, faces: list[ExportedFace]) -> None:
        """Write a person with all faces, or leave the person out if no archive can carry the values."""
        line = _line(person, len(faces))
        if line is None:
            self.left_out.append(person.id)
            return
        self._person_count += 1
        self._face_count += len(faces)
        self._persons.write(line)
        for one in faces:
            self._add_face(one)

    def _add_face(self, one: ExportedFace) -> None:
        face = one.face
        first, *also = map(self._add_embedding, face.embeddings)
        line = FaceLine(
            id=UUID(one.id),
            **first.model_dump(),
            also=also,
            detector=face.detector,
            area=face.area,
            confidence=face.confidence,
            quality=face.quality,
            liveness=face.liveness,
            has_crop=face.crop is not None,
            registered_at=one.registered_at,
            photo=face.photo,
            set_aside=face.set_aside,
        )
        self._faces.write(line.model_dump_json().encode() + b"\n")
        self._format = max(self._format, _format_of(line))
        if face.crop is not None:
            self._write(crop_name(line.id), [face.crop])

    def _add_embedding(self, one: FaceEmbedding) -> SpaceOfFace:
        if one.space not in self._embeddings:
            self._embeddings[one.space] = self._temporary()
        self._embeddings[one.space].write(one.vector.astype("<f4").tobytes())
        return SpaceOfFace(space=list(self._embeddings).index(one.space), weights=one.weights)

    def finish(self, collections: list[str]) -> tuple[int, int]:
        """Write the collected content; returns how many persons and faces."""
        self._write(PERSONS, _chunks(self._persons))
        self._write(FACES, _chunks(self._faces))
        for place, (space, file) in enumerate(self._embeddings.items()):
            dimension = dimension_of(space)
            shape = (file.tell() // (4 * dimension), dimension)
            with self._temporary() as whole:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(whole, header)
                self._write(array_name(place), [*_chunks(whole)], _chunks(file))
        manifest = Manifest(
            format=self._format,
            persons=self._person_count,
            faces=self._face_count,
            collections=collections,
            spaces=[Space.model_validate(asdict(space)) for space in self._embeddings],
            members=self._digests,
        )
        self._archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
        return self._person_count, self._face_count

    def _write(self, name: str, *parts: Iterable[bytes]) -> None:
        self._digests[name] = write_member(self._archive, name, *parts)


def _line(person: Person, faces: int) -> bytes | None:
    """The line of a person; None if some value cannot be read, or no line can carry it."""
    if person.problem is not None:
        return None
    try:
        values = {name: getattr(person, name) for name in PersonLine.model_fields if name != "faces"}
        return PersonLine(**values, faces=faces).model_dump_json().encode() + b"\n"
    except (ValidationError, PydanticSerializationError):
        return None


def _format_of(face: FaceLine) -> Literal[1, 2, 3]:
    """The first format that has what the line holds."""
    if face.set_aside:
        return 3
    return 2 if face.also or face.photo is not None else 1


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The whole content of the file, in chunks."""
    file.seek(0)
    return chunks_of(file)
