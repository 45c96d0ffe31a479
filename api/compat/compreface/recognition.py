"""Recognition, detection and verification of CompreFace, by images."""

from api.compat.compreface import plugins
from api.compat.compreface.door import blueprint, collection, threshold
from api.context import services
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import FACE_ERRORS, STORE_ERRORS
from core.exceptions import FaceNotFound, NoFaceDetected, SeveralFaces
from core.scopes import Scope
from schemas.common import FacialArea
from schemas.compat.compreface.answers import (
    CompreFaceComparison,
    CompreFaceDetectResponse,
    CompreFaceFace,
    CompreFaceMatch,
    CompreFaceRecognizedFace,
    CompreFaceRecognizeResponse,
    CompreFaceVerifiedFace,
    CompreFaceVerifyFaceResponse,
    CompreFaceVerifyResponse,
    similarity,
    subjects_of,
)
from schemas.compat.compreface.requests import (
    METRIC,
    CompreFaceDetect,
    CompreFaceDetectQuery,
    CompreFaceIdentify,
    CompreFaceImageRequest,
    CompreFacePairRequest,
    CompreFaceRecognizeQuery,
    CompreFaceVerify,
)
from schemas.faces import EmbeddedFace
from schemas.gallery import IdentifiedFace


@blueprint.post("/detection/detect")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=CompreFaceImageRequest,
        query=CompreFaceDetectQuery,
        response=CompreFaceDetectResponse,
        errors=FACE_ERRORS,
    )
)
def detect(body: CompreFaceImageRequest, query: CompreFaceDetectQuery) -> CompreFaceDetectResponse:
    """Locate every face of an image."""
    answer = services().faces.service.detect(validated(CompreFaceDetect, {"img": body.img, **query.detection}))
    if not answer.result:
        raise NoFaceDetected(field="img")
    found = [(face.facial_area, face.face_confidence) for face in answer.result]
    return CompreFaceDetectResponse(
        result=[CompreFaceFace(**face) for face in plugins.described(query, body.img, found)],
        plugins_versions=plugins.versions(query, None),
    )


@blueprint.post("/recognition/recognize")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=CompreFaceImageRequest,
        query=CompreFaceRecognizeQuery,
        response=CompreFaceRecognizeResponse,
        errors=(*FACE_ERRORS, *STORE_ERRORS),
    )
)
def recognize(body: CompreFaceImageRequest, query: CompreFaceRecognizeQuery) -> CompreFaceRecognizeResponse:
    """The most similar persons for each face of an image."""
    plugins.require_scope(query)
    probe = {
        "img": body.img,
        "collection": collection(),
        "distance_metric": METRIC,
        "threshold": query.threshold,
        "top_k": query.prediction_count,
        **query.detection,
    }
    answer = services().gallery.identification.identify(validated(CompreFaceIdentify, probe))
    described = plugins.described(query, body.img, map(_place, answer.result))
    scale = threshold()
    return CompreFaceRecognizeResponse(
        result=[
            CompreFaceRecognizedFace(**fields, subjects=subjects_of(face, scale))
            for fields, face in zip(described, answer.result, strict=True)
        ],
        plugins_versions=plugins.versions(query, answer.model),
    )


@blueprint.post("/recognition/faces/<face_id>/verify")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=CompreFaceImageRequest,
        query=CompreFaceDetectQuery,
        response=CompreFaceVerifyFaceResponse,
        errors=(*FACE_ERRORS, FaceNotFound, *STORE_ERRORS),
    )
)
def verify_face(
    body: CompreFaceImageRequest, query: CompreFaceDetectQuery, face_id: str
) -> CompreFaceVerifyFaceResponse:
    """Compare every face of an image with a stored face."""
    plugins.require_scope(query)
    person = services().gallery.persons.of_face(face_id, within=collection())
    probe = {
        "img": body.img,
        "collection": person.collection,
        "person_id": person.id,
        "face_id": face_id,
        "distance_metric": METRIC,
        **query.detection,
    }
    answer = services().gallery.identification.identify(validated(CompreFaceIdentify, probe))
    described = plugins.described(query, body.img, map(_place, answer.result))
    return CompreFaceVerifyFaceResponse(
        result=[
            CompreFaceVerifiedFace(
                **fields,
                subject=person.name,
                similarity=next((one.similarity for one in subjects_of(face, threshold())), 0),
            )
            for fields, face in zip(described, answer.result, strict=True)
        ],
        plugins_versions=plugins.versions(query, answer.model),
    )


@blueprint.post("/verification/verify")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=CompreFacePairRequest,
        query=CompreFaceDetectQuery,
        response=CompreFaceVerifyResponse,
        errors=(*FACE_ERRORS, SeveralFaces),
    )
)
def verify(body: CompreFacePairRequest, query: CompreFaceDetectQuery) -> CompreFaceVerifyResponse:
    """Compare the one face of the source image with every face of the target image."""
    pair = {"img1": body.img1, "img2": body.img2, "distance_metric": METRIC, **query.detection}
    answer = services().faces.service.match(validated(CompreFaceVerify, pair))
    decision = services().audit.verifications.keep(answer.decision)
    (source,) = plugins.described(query, body.img1, [_place(answer.source)], [answer.source])
    described = plugins.described(query, body.img2, map(_place, answer.result), answer.result)
    matches = [
        CompreFaceMatch(
            **fields,
            similarity=similarity(
                face.distance,
                decision.threshold,
                is_match=decision.verified and face.distance <= decision.threshold,
            ),
        )
        for fields, face in zip(described, answer.result, strict=True)
    ]
    return CompreFaceVerifyResponse(
        result=[
            CompreFaceComparison(
                source_image_face=CompreFaceFace(**source),
                face_matches=matches,
                plugins_versions=plugins.versions(query, decision.model),
            )
        ]
    )


def _place(face: EmbeddedFace | IdentifiedFace) -> tuple[FacialArea, float]:
    assert face.facial_area is not None, "a face of an image has a place"
    assert face.face_confidence is not None, "a face of an image has a confidence"
    return face.facial_area, face.face_confidence
