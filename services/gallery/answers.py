"""Converts stored values of the gallery to responses."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic_core import PydanticSerializationError, ValidationError

from core.scopes import Scope, is_granted
from schemas.faces import QualityMeasures
from schemas.gallery import FaceSpace, NotCompared, RegisterResponse, SpacePersons
from schemas.persons import FaceId, FaceInfo, FaceRow, PersonId, PersonInfo, PersonRow, PersonsResponse, Receipt
from services.deepface.interface import EmbeddingSpace
from services.faces.reader import facial_area
from services.gallery.store import values
from services.gallery.store.values import Forgotten, Person, StoredFace


def receipt(forgotten: Forgotten) -> Receipt:
    """The receipt of a deletion. It names the person of a face only to API keys with `gallery:read`."""
    recorded = forgotten.recorded
    shows_person = not recorded.event.face_id or is_granted(Scope.GALLERY_READ)
    return Receipt(
        receipt_id=str(recorded.id),
        forgotten_at=recorded.event.at,
        person_id=recorded.event.person_id if shows_person else "",
        face_id=recorded.event.face_id,
        bytes_gone=forgotten.bytes_gone,
    )


def changed(person: Person) -> PersonInfo | PersonId:
    """The response to a change of a person: without `gallery:read` only the ID, which the request named itself."""
    if not is_granted(Scope.GALLERY_READ):
        return PersonId(id=person.id)
    return PersonInfo.model_validate(dict(person_row(person)))


def changed_face(face: StoredFace) -> FaceInfo | FaceId:
    """The response to a change of a face: without `gallery:read` only the ID, which the request named itself."""
    if not is_granted(Scope.GALLERY_READ):
        return FaceId(id=face.id)
    return FaceInfo.model_validate(dict(face_row(face)))


def registered(person: Person, face: StoredFace, *, is_named: bool) -> RegisterResponse:
    """The response to a registration.

    Without `gallery:read` it has no name, and the person's ID only if the request named this person (`is_named`).
    """
    reads = is_granted(Scope.GALLERY_READ)
    return RegisterResponse(
        id=face.id,
        person_id=person.id if reads or is_named else None,
        name=person.name if reads else None,
        collection=face.collection,
        registered_at=face.registered_at,
        facial_area=facial_area(face.area),
        face_confidence=face.confidence,
        quality=QualityMeasures.model_validate(face.quality),
        spaces=_spaces(face),
    )


def person_row(person: Person) -> PersonRow:
    """The description of a person in responses; `problem` names values that no response can carry."""
    row = _carried(person)
    if row is None:
        alone = {"labels": replace(person, metadata={}), "metadata": replace(person, labels={})}
        lost: dict[str, Any] = {name: {} for name, one in alone.items() if _carried(one) is None}
        rest = replace(person, **lost, problem=f"{', '.join(lost)} cannot be read")
        row = PersonRow.model_validate(rest, from_attributes=True)
    return row


def _carried(person: Person) -> PersonRow | None:
    try:
        row = PersonRow.model_validate(person, from_attributes=True)
        PersonsResponse(persons=[row], next_cursor=None).model_dump_json()  # fails for metadata 254 levels deep
    except (ValidationError, PydanticSerializationError):
        return None
    return row


def space_persons(found: Mapping[EmbeddingSpace, int]) -> list[SpacePersons]:
    """Embedding spaces with the number of persons in each, as responses list them."""
    return [SpacePersons(**asdict(space), persons=persons) for space, persons in found.items()]


def not_compared(found: values.NotCompared) -> NotCompared | None:
    """The persons who were not compared; None if there are none."""
    if not found.persons:
        return None
    return NotCompared(persons=found.persons, spaces=space_persons(found.spaces))


def described(space: EmbeddingSpace) -> str:
    """The embedding space in messages."""
    return (
        f"{space.model} (alignment {space.alignment}, detection {space.detection}, normalization {space.normalization},"
        f" expand_percentage {space.expand_percentage})"
    )


def face_row(face: StoredFace) -> FaceRow:
    """The description of a face in responses."""
    space, weights = next(iter(face.weights.items()))
    return FaceRow(
        **asdict(space),
        id=face.id,
        person_id=face.person_id,
        collection=face.collection,
        detector_backend=face.detector,
        weights=weights,
        facial_area=facial_area(face.area),
        face_confidence=face.confidence,
        quality=_quality(face),
        liveness=face.liveness,
        has_crop=face.has_crop,
        registered_at=face.registered_at,
        set_aside=face.set_aside,
        photo=face.photo,
        spaces=_spaces(face),
    )


def _spaces(face: StoredFace) -> list[FaceSpace] | None:
    """The embedding spaces of a face; None if it has one."""
    spaces = [FaceSpace(**asdict(space), weights=weights) for space, weights in face.weights.items()]
    return spaces if len(spaces) > 1 else None


def _quality(face: StoredFace) -> QualityMeasures | None:
    """The measures of a face; None for those of another program, which an import may have brought."""
    try:
        return QualityMeasures.model_validate(face.quality)
    except ValidationError:
        return None
