"""Converts stored values of the gallery to responses."""

from dataclasses import asdict

from schemas.faces import QualityMeasures
from schemas.gallery import RegisterResponse
from schemas.persons import FaceRow, Receipt
from services.faces.reader import facial_area
from services.gallery.store.values import Forgotten, StoredFace


def receipt(forgotten: Forgotten) -> Receipt:
    """The receipt of a deletion."""
    recorded = forgotten.recorded
    return Receipt(
        receipt_id=str(recorded.id),
        forgotten_at=recorded.event.at,
        person_id=recorded.event.person_id,
        face_id=recorded.event.face_id,
        bytes_gone=forgotten.bytes_gone,
    )


def registered(person_id: str, name: str, face: StoredFace) -> RegisterResponse:
    """The response to a registration."""
    return RegisterResponse(
        id=face.id,
        person_id=person_id,
        name=name,
        collection=face.collection,
        registered_at=face.registered_at,
        facial_area=facial_area(face.area),
        face_confidence=face.confidence,
        quality=QualityMeasures.model_validate(face.quality),
    )


def face_row(face: StoredFace) -> FaceRow:
    """The description of a face in responses."""
    return FaceRow(
        **asdict(face.space),
        id=face.id,
        person_id=face.person_id,
        collection=face.collection,
        detector_backend=face.detector,
        weights=face.weights,
        facial_area=facial_area(face.area),
        face_confidence=face.confidence,
        quality=QualityMeasures.model_validate(face.quality),
        liveness=face.liveness,
        has_crop=face.has_crop,
        registered_at=face.registered_at,
    )
