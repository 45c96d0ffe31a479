"""The face collection of CompreFace: the stored faces of a collection."""

from contextlib import suppress

from api import idempotency
from api.compat.compreface.door import blueprint, collection
from api.context import services
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, ENROLMENT_ERRORS, STORE_ERRORS
from core.exceptions import Conflict, FaceNotFound, PersonNotFound, StorageFull, ValidationFailed
from core.scopes import Scope, is_granted
from schemas.compat.compreface.answers import (
    CompreFaceDeleted,
    CompreFaceDeletedExamples,
    CompreFaceExample,
    CompreFaceExamples,
)
from schemas.compat.compreface.requests import (
    CompreFaceAddQuery,
    CompreFaceDeleteQuery,
    CompreFaceDeleteRequest,
    CompreFaceFacesQuery,
    CompreFaceImageRequest,
    CompreFaceQuery,
    CompreFaceRegister,
)


@blueprint.post("/recognition/faces")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=CompreFaceImageRequest,
        query=CompreFaceAddQuery,
        response=CompreFaceExample,
        status=201,
        headers=idempotency.IDEMPOTENCY_HEADERS,
        errors=(*ENROLMENT_ERRORS, Conflict, StorageFull),
    )
)
def add_face(body: CompreFaceImageRequest, query: CompreFaceAddQuery) -> CompreFaceExample:
    """Register the one face of an image for a person."""
    person = {"img": body.img, "collection": collection(), "enforce_detection": True, **query.model_dump()}
    return CompreFaceExample(
        image_id=idempotency.register(validated(CompreFaceRegister, person)).id, subject=query.name
    )


@blueprint.get("/recognition/faces")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        query=CompreFaceFacesQuery,
        response=CompreFaceExamples,
        errors=(ValidationFailed, Conflict, *STORE_ERRORS),
    )
)
def faces(query: CompreFaceFacesQuery) -> CompreFaceExamples:
    """List the stored faces, one page at a time."""
    found, total = services().gallery.persons.named_faces(
        within=collection(), name=query.name, skip=query.page * query.size, limit=query.size
    )
    pairs = ((face.face_id, face.name) for face in found)
    return CompreFaceExamples.of(pairs, page=query.page, size=query.size, total=total)


@blueprint.delete("/recognition/faces")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        query=CompreFaceDeleteQuery,
        response=CompreFaceDeleted,
        errors=(ValidationFailed, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def delete_faces(query: CompreFaceDeleteQuery) -> CompreFaceDeleted:
    """Permanently delete a person, or all of the collection, with all faces."""
    persons = services().gallery.persons
    if query.name is None:
        return CompreFaceDeleted(deleted=persons.forget_everybody(within=collection())[1])
    try:
        person = persons.named(query.name, within=collection())
        persons.forget_person(person.id, within=collection())
    except PersonNotFound:
        return CompreFaceDeleted(deleted=0)
    return CompreFaceDeleted(deleted=person.faces)


@blueprint.delete("/recognition/faces/<face_id>")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        query=CompreFaceQuery,
        response=CompreFaceExample,
        errors=(FaceNotFound, StorageFull, *STORE_ERRORS),
    )
)
def delete_face(_: CompreFaceQuery, face_id: str) -> CompreFaceExample:
    """Permanently delete a face."""
    return _deleted(face_id)


@blueprint.post("/recognition/faces/delete")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=CompreFaceDeleteRequest,
        response=CompreFaceDeletedExamples,
        infers=False,
        errors=(*BODY_ERRORS, StorageFull, *STORE_ERRORS),
    )
)
def delete_several_faces(body: CompreFaceDeleteRequest) -> CompreFaceDeletedExamples:
    """Permanently delete faces. Unknown ones are left out of the answer."""
    deleted = []
    for face_id in body.ids:
        with suppress(FaceNotFound):
            deleted.append(_deleted(face_id))
    return CompreFaceDeletedExamples(deleted)


def _deleted(face_id: str) -> CompreFaceExample:
    persons, subject = services().gallery.persons, None
    if is_granted(Scope.GALLERY_READ):
        with suppress(FaceNotFound):  # which the deletion raises and records
            subject = persons.of_face(face_id, within=collection()).name
    persons.forget_face(face_id, within=collection())
    return CompreFaceExample(image_id=face_id, subject=subject)
