"""The endpoints of the persons, faces and collections of the gallery."""

from flask import Blueprint, Response

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import caller, require_collection
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, STORE_ERRORS
from core.exceptions import (
    Conflict,
    DeadlineExceeded,
    FaceNotFound,
    InternalError,
    NotFound,
    PersonNotFound,
    ServiceUnavailable,
    StorageFull,
    ValidationFailed,
)
from core.scopes import Scope
from schemas.persons import (
    ChangedFace,
    ChangedPerson,
    CollectionInfo,
    CollectionQuery,
    CollectionRequest,
    CollectionsResponse,
    CropQuery,
    CropsRequest,
    CropsResponse,
    FaceChanges,
    FaceId,
    FaceInfo,
    FacesQuery,
    ForgetRequest,
    MergeRequest,
    PersonChanges,
    PersonDetails,
    PersonId,
    PersonInfo,
    PersonsQuery,
    PersonsResponse,
    Receipt,
)

blueprint = Blueprint("persons", __name__)

_RECEIPT = "X-Receipt-Id"


@blueprint.post("/forget")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=ForgetRequest,
        response=None,
        status=204,
        answer_headers={_RECEIPT: "ID of the audit event that records the deletion."},
        infers=False,
        errors=(*BODY_ERRORS, PersonNotFound, ServiceUnavailable, StorageFull, InternalError),
    )
)
def forget(body: ForgetRequest) -> Response:
    """Permanently delete a face or person. `X-Receipt-Id` is the audit event."""
    receipt = services().gallery.persons.forget(body.id, within=caller().collection)
    return Response(status=204, headers={_RECEIPT: receipt.receipt_id})


@blueprint.get("/persons")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ, query=PersonsQuery, response=PersonsResponse, errors=(ValidationFailed, *STORE_ERRORS)
    )
)
def persons(query: PersonsQuery) -> PersonsResponse:
    """List the persons in the gallery by name, one page at a time."""
    return services().gallery.persons.persons(query)


@blueprint.get("/persons/<person_id>")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        query=FacesQuery,
        response=PersonDetails,
        errors=(ValidationFailed, PersonNotFound, *STORE_ERRORS),
    )
)
def person(query: FacesQuery, person_id: str) -> PersonDetails:
    """A person and their stored faces, one page at a time."""
    return services().gallery.persons.person(person_id, query, within=caller().collection)


@blueprint.patch("/persons/<person_id>")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=PersonChanges,
        response=ChangedPerson,
        infers=False,
        errors=(*BODY_ERRORS, PersonNotFound, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def change_person(body: PersonChanges, person_id: str) -> PersonInfo | PersonId:
    """Change a person's name, labels, metadata or retain_until."""
    return services().gallery.persons.change_person(person_id, body, within=caller().collection)


@blueprint.delete("/persons/<person_id>")
@endpoint(Route(scope=Scope.GALLERY_WRITE, response=Receipt, errors=(PersonNotFound, StorageFull, *STORE_ERRORS)))
def forget_person(person_id: str) -> Receipt:
    """Permanently delete a person and all their faces."""
    return services().gallery.persons.forget_person(person_id, within=caller().collection)


@blueprint.post("/persons/<person_id>/merge")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=MergeRequest,
        response=ChangedPerson,
        infers=False,
        errors=(*BODY_ERRORS, PersonNotFound, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def merge_persons(body: MergeRequest, person_id: str) -> PersonInfo | PersonId:
    """Merge other persons into this one and delete them."""
    return services().gallery.persons.merge(person_id, body, within=caller().collection)


@blueprint.get("/faces/<face_id>")
@endpoint(Route(scope=Scope.GALLERY_READ, response=FaceInfo, errors=(FaceNotFound, *STORE_ERRORS)))
def face(face_id: str) -> FaceInfo:
    """A face in the gallery, without its embedding."""
    return services().gallery.persons.face(face_id, within=caller().collection)


@blueprint.get("/faces/<face_id>/crop")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        query=CropQuery,
        response=None,
        media_type="image/png",
        errors=(ValidationFailed, FaceNotFound, *STORE_ERRORS),
    )
)
def crop(query: CropQuery, face_id: str) -> Response:
    """The stored crop of a face as PNG."""
    image = services().gallery.crops.crop(face_id, query, within=caller().collection)
    return Response(image, mimetype="image/png")


@blueprint.post("/faces/crops")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=CropsRequest,
        response=CropsResponse,
        infers=False,
        errors=(*BODY_ERRORS, DeadlineExceeded, *STORE_ERRORS),
    )
)
def crops(body: CropsRequest) -> CropsResponse:
    """The stored crops of up to 100 faces as thumbnails, in one answer."""
    return services().gallery.crops.crops(body, within=caller().collection)


@blueprint.patch("/faces/<face_id>")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=FaceChanges,
        response=ChangedFace,
        infers=False,
        errors=(*BODY_ERRORS, FaceNotFound, PersonNotFound, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def change_face(body: FaceChanges, face_id: str) -> FaceInfo | FaceId:
    """Move a face to another person, or set it aside: it is kept and not compared."""
    return services().gallery.persons.change_face(face_id, body, within=caller().collection)


@blueprint.delete("/faces/<face_id>")
@endpoint(Route(scope=Scope.GALLERY_WRITE, response=Receipt, errors=(FaceNotFound, StorageFull, *STORE_ERRORS)))
def forget_face(face_id: str) -> Receipt:
    """Permanently delete a face."""
    return services().gallery.persons.forget_face(face_id, within=caller().collection)


@blueprint.get("/collections")
@endpoint(Route(scope=Scope.GALLERY_READ, response=CollectionsResponse, errors=STORE_ERRORS))
def collections() -> CollectionsResponse:
    """List the collections of the gallery with their number of persons."""
    return services().gallery.persons.collections(only=caller().collection)


@blueprint.post("/collections")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=CollectionRequest,
        response=CollectionInfo,
        status=201,
        infers=False,
        errors=(*BODY_ERRORS, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def add_collection(body: CollectionRequest) -> CollectionInfo:
    """Create a collection. /register also creates a missing collection."""
    require_collection(body.name)
    return services().gallery.persons.add_collection(body.name)


@blueprint.delete("/collections/<name>")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        query=CollectionQuery,
        response=Receipt,
        errors=(ValidationFailed, NotFound, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def remove_collection(query: CollectionQuery, name: str) -> Receipt:
    """Permanently delete a collection, optionally with all its persons."""
    require_collection(name)
    return services().gallery.persons.remove_collection(name, with_persons=query.with_persons)
