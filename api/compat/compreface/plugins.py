"""What a request of CompreFace wants to know of each face beside its box: `face_plugins` and `status`."""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from api.context import services
from api.inputs import validated
from core.scopes import Scope, require
from schemas import faces
from schemas.common import FacialArea
from schemas.compat.compreface.answers import (
    CompreFaceAge,
    CompreFaceBox,
    CompreFaceGender,
    CompreFaceVersions,
    at,
    landmarks_of,
)
from schemas.compat.compreface.requests import CompreFaceAnalyze, CompreFaceDetectQuery, CompreFaceRepresent


def require_scope(query: CompreFaceDetectQuery) -> None:
    """Raise Forbidden if the query asks for attributes or embeddings, and the API key lacks `faces`."""
    if query.actions or query.wants_embeddings:
        require(Scope.FACES)


def described(
    query: CompreFaceDetectQuery,
    image: str | bytes,
    found: Iterable[tuple[FacialArea, float]],
    embedded: Sequence[faces.EmbeddedFace] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the fields of each face that was found, given its area and the detector's confidence.

    Attributes take another look at the image. So do embeddings, unless the caller has the `embedded` faces.
    """
    service, options = services().faces.service, {"img": image, **query.detection}
    analyzed: list[faces.AnalyzedFace] = []
    if actions := service.usable(query.actions):
        analyzed = service.analyze(validated(CompreFaceAnalyze, options | {"actions": actions})).result
    if query.wants_embeddings and embedded is None:
        embedded = service.represent(validated(CompreFaceRepresent, options)).result
    for area, confidence in found:
        attributes = at(area, analyzed, attrgetter("region"))
        face = at(area, embedded or [], attrgetter("facial_area")) if query.wants_embeddings else None
        yield {
            "age": None if attributes is None else CompreFaceAge.of(attributes),
            "gender": None if attributes is None else CompreFaceGender.of(attributes),
            "landmarks": landmarks_of(area) if query.wants_landmarks else None,
            "embedding": None if face is None else face.embedding,
            "box": CompreFaceBox.of(area, confidence),
        }


def versions(query: CompreFaceDetectQuery, model: str | None) -> CompreFaceVersions | None:
    """Return the names of the models, if the query asks for them; `model` is the one that embedded faces."""
    if not query.status:
        return None
    service = services().faces.service
    models = {action: service.attribute_models[action] for action in service.usable(query.actions)}
    detector = query.detection.get("detector_backend", service.detector)
    return CompreFaceVersions(detector=detector, calculator=model, age=models.get("age"), gender=models.get("gender"))
