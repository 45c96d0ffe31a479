"""Recognition and verification of CompreFace, by embeddings."""

from collections.abc import Sequence
from typing import Any

from api.compat.compreface.door import blueprint, collection, threshold
from api.context import services
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, STORE_ERRORS
from core.exceptions import FaceNotFound
from core.scopes import Scope, require
from schemas.compare import CompareRequest
from schemas.compat.compreface.answers import (
    CompreFaceRecognizedEmbedding,
    CompreFaceRecognizeEmbeddingsResponse,
    CompreFaceSimilarity,
    CompreFaceVerifyEmbeddingsResponse,
    similarity,
    subjects_of,
)
from schemas.compat.compreface.requests import (
    METRIC,
    CompreFaceEmbeddingsRequest,
    CompreFaceIdentify,
    CompreFacePredictionsQuery,
    CompreFaceQuery,
    CompreFaceVerifyEmbeddingsRequest,
)


@blueprint.post("/recognition/embeddings/recognize")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=CompreFaceEmbeddingsRequest,
        query=CompreFacePredictionsQuery,
        response=CompreFaceRecognizeEmbeddingsResponse,
        errors=(*BODY_ERRORS, *STORE_ERRORS),
    )
)
def recognize_embeddings(
    body: CompreFaceEmbeddingsRequest, query: CompreFacePredictionsQuery
) -> CompreFaceRecognizeEmbeddingsResponse:
    """The most similar persons for each embedding."""
    return CompreFaceRecognizeEmbeddingsResponse(
        result=[
            CompreFaceRecognizedEmbedding(
                embedding=embedding, similarities=_subjects(embedding, top_k=query.prediction_count)
            )
            for embedding in body.embeddings
        ]
    )


@blueprint.post("/recognition/embeddings/faces/<face_id>/verify")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=CompreFaceEmbeddingsRequest,
        query=CompreFaceQuery,
        response=CompreFaceVerifyEmbeddingsResponse,
        errors=(*BODY_ERRORS, FaceNotFound, *STORE_ERRORS),
    )
)
def verify_face_embeddings(
    body: CompreFaceEmbeddingsRequest, _: CompreFaceQuery, face_id: str
) -> CompreFaceVerifyEmbeddingsResponse:
    """Compare embeddings with a stored face."""
    require(Scope.EMBEDDINGS)  # before it is told whether there is such a face
    person = services().gallery.persons.of_face(face_id, within=collection())
    of_face = {"person_id": person.id, "face_id": face_id}
    return CompreFaceVerifyEmbeddingsResponse.of(
        (embedding, next((one.similarity for one in _subjects(embedding, **of_face)), 0))
        for embedding in body.embeddings
    )


@blueprint.post("/verification/embeddings/verify")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=CompreFaceVerifyEmbeddingsRequest,
        query=CompreFaceQuery,
        response=CompreFaceVerifyEmbeddingsResponse,
        errors=BODY_ERRORS,
    )
)
def verify_embeddings(
    body: CompreFaceVerifyEmbeddingsRequest, _: CompreFaceQuery
) -> CompreFaceVerifyEmbeddingsResponse:
    """Compare an embedding with others. Nothing is stored."""
    request = {"source_vector": body.source, "target_vectors": body.targets, "distance_metric": METRIC}
    answer = services().faces.comparison.compare(validated(CompareRequest, request))
    return CompreFaceVerifyEmbeddingsResponse.of(
        (target, similarity(one.distance, answer.threshold, is_match=one.verified))
        for target, one in zip(body.targets, answer.results, strict=True)
    )


def _subjects(embedding: Sequence[float], **probe: Any) -> list[CompreFaceSimilarity]:
    """The persons who are most similar to an embedding."""
    request = {"embedding": embedding, "collection": collection(), "distance_metric": METRIC, **probe}
    answer = services().gallery.identification.identify(validated(CompreFaceIdentify, request))
    return subjects_of(answer.result[0], threshold())
