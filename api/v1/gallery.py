"""The endpoints of the gallery."""

from hashlib import sha256

from flask import Blueprint, Response, request

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import caller, require_collection
from api.v1.faces import FACE_ERRORS
from core.exceptions import (
    Conflict,
    FaceNotFound,
    InternalError,
    LengthRequired,
    LowQuality,
    NotFound,
    PersonNotFound,
    RequestTooLarge,
    ServiceUnavailable,
    SeveralFaces,
    SpoofDetected,
    StorageFull,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.scopes import Scope
from schemas.audit import AuditQuery, AuditResponse, VerificationsQuery, VerificationsResponse
from schemas.compare import CompareRequest, CompareResponse
from schemas.faces import QualityRequest, QualityResponse
from schemas.gallery import IdentifyRequest, IdentifyResponse, RecognizeRequest, RegisterRequest, RegisterResponse
from schemas.persons import (
    CollectionInfo,
    CollectionQuery,
    CollectionRequest,
    CollectionsResponse,
    FaceInfo,
    ForgetRequest,
    MergeRequest,
    PersonChanges,
    PersonDetails,
    PersonInfo,
    PersonsQuery,
    PersonsResponse,
    Receipt,
)

blueprint = Blueprint("gallery", __name__)

_STORE_ERRORS = (ServiceUnavailable, InternalError)
_BODY_ERRORS = (ValidationFailed, LengthRequired, RequestTooLarge, UnsupportedMediaType)
_ENROLMENT_ERRORS = (*FACE_ERRORS, SeveralFaces, LowQuality, SpoofDetected, ServiceUnavailable)
_IDEMPOTENCY = "Idempotency-Key"
_LONGEST_KEY = 200
_RECEIPT = "X-Receipt-Id"


@blueprint.post("/register")
@endpoint(
    scope=Scope.GALLERY_WRITE,
    request=RegisterRequest,
    response=RegisterResponse,
    status=201,
    headers={
        _IDEMPOTENCY: "For seven days a second request with the same key is answered as the first, and stores nothing."
    },
    errors=(*_ENROLMENT_ERRORS, PersonNotFound, Conflict, StorageFull),
)
def register(body: RegisterRequest) -> RegisterResponse:
    """Store a person's face in the gallery."""
    key = request.headers.get(_IDEMPOTENCY)
    if key is None:
        return services().gallery.register(body)
    if not 0 < len(key) <= _LONGEST_KEY:
        raise ValidationFailed.of(_IDEMPOTENCY, f"It has 1 to {_LONGEST_KEY} characters")
    of_collection = sha256(f"{body.collection}\n{key}".encode(errors="surrogatepass")).hexdigest()
    return services().gallery.register_once(body, key=of_collection, digest=_digest(body))


def _digest(body: RegisterRequest) -> str:
    """Of what the body means: a client that sends it again may choose another boundary for its parts."""
    digest = sha256()
    for name, value in sorted(body.model_dump().items()):
        digest.update(name.encode())
        for part in value if isinstance(value, list) else [value]:
            digest.update(part if isinstance(part, bytes) else repr(part).encode(errors="surrogatepass"))
    return digest.hexdigest()


@blueprint.post("/identify")
@endpoint(
    scope=Scope.GALLERY_READ,
    request=IdentifyRequest,
    response=IdentifyResponse,
    errors=(*FACE_ERRORS, PersonNotFound, NotFound, ServiceUnavailable),
)
def identify(body: IdentifyRequest) -> IdentifyResponse:
    """Who of the gallery each face may be, nearest first, and a decision."""
    return services().identification.identify(body)


@blueprint.post("/recognize")
@endpoint(
    scope=Scope.GALLERY_READ,
    request=RecognizeRequest,
    response=IdentifyResponse,
    errors=(*FACE_ERRORS, PersonNotFound, NotFound, ServiceUnavailable),
)
def recognize(body: RecognizeRequest) -> IdentifyResponse:
    """As /identify, with all who lie within the model's own threshold, and nobody else."""
    return services().identification.recognize(body)


@blueprint.post("/quality")
@endpoint(scope=Scope.FACES, request=QualityRequest, response=QualityResponse, errors=FACE_ERRORS)
def quality(body: QualityRequest) -> QualityResponse:
    """Whether a photo would do for the gallery, and what to do about it if not."""
    return services().identification.quality(body)


@blueprint.post("/compare")
@endpoint(scope=Scope.FACES, request=CompareRequest, response=CompareResponse, errors=FACE_ERRORS)
def compare(body: CompareRequest) -> CompareResponse:
    """A face, or its embedding, against embeddings that the request brings along; nothing is stored."""
    return services().comparison.compare(body)


@blueprint.post("/forget")
@endpoint(
    scope=Scope.GALLERY_WRITE,
    request=ForgetRequest,
    response=None,
    status=204,
    answer_headers={_RECEIPT: "The number of the event under which it is recorded."},
    infers=False,
    errors=(*_BODY_ERRORS, PersonNotFound, ServiceUnavailable, StorageFull, InternalError),
)
def forget(body: ForgetRequest) -> Response:
    """Forget a face or a person for good; the header X-Receipt-Id says under which number."""
    receipt = services().gallery.forget(body.id)
    return Response(status=204, headers={_RECEIPT: receipt.receipt_id})


@blueprint.get("/persons")
@endpoint(
    scope=Scope.GALLERY_READ, query=PersonsQuery, response=PersonsResponse, errors=(ValidationFailed, *_STORE_ERRORS)
)
def persons(query: PersonsQuery) -> PersonsResponse:
    """The persons of the gallery by name, a page at a time."""
    return services().gallery.persons(query)


@blueprint.get("/persons/<person_id>")
@endpoint(scope=Scope.GALLERY_READ, response=PersonDetails, errors=(PersonNotFound, *_STORE_ERRORS))
def person(person_id: str) -> PersonDetails:
    """A person and the faces that are stored."""
    return services().gallery.person(person_id)


@blueprint.patch("/persons/<person_id>")
@endpoint(
    scope=Scope.GALLERY_WRITE,
    request=PersonChanges,
    response=PersonInfo,
    infers=False,
    errors=(*_BODY_ERRORS, PersonNotFound, Conflict, StorageFull, *_STORE_ERRORS),
)
def change_person(body: PersonChanges, person_id: str) -> PersonInfo:
    """Change a person's name, labels, metadata or retain_until."""
    return services().gallery.change_person(person_id, body)


@blueprint.delete("/persons/<person_id>")
@endpoint(scope=Scope.GALLERY_WRITE, response=Receipt, errors=(PersonNotFound, StorageFull, *_STORE_ERRORS))
def forget_person(person_id: str) -> Receipt:
    """Forget a person and all faces for good."""
    return services().gallery.forget_person(person_id)


@blueprint.post("/persons/<person_id>/merge")
@endpoint(
    scope=Scope.GALLERY_WRITE,
    request=MergeRequest,
    response=PersonInfo,
    infers=False,
    errors=(*_BODY_ERRORS, PersonNotFound, Conflict, StorageFull, *_STORE_ERRORS),
)
def merge_persons(body: MergeRequest, person_id: str) -> PersonInfo:
    """Give the person the faces, labels and metadata of other persons, who are then no more."""
    return services().gallery.merge(person_id, body)


@blueprint.get("/faces/<face_id>")
@endpoint(scope=Scope.GALLERY_READ, response=FaceInfo, errors=(FaceNotFound, *_STORE_ERRORS))
def face(face_id: str) -> FaceInfo:
    """A face of the gallery, without its embedding."""
    return services().gallery.face(face_id)


@blueprint.get("/faces/<face_id>/crop")
@endpoint(scope=Scope.GALLERY_READ, response=None, media_type="image/png", errors=(FaceNotFound, *_STORE_ERRORS))
def crop(face_id: str) -> Response:
    """The picture of a face, where it was stored."""
    return Response(services().gallery.crop(face_id), mimetype="image/png")


@blueprint.delete("/faces/<face_id>")
@endpoint(scope=Scope.GALLERY_WRITE, response=Receipt, errors=(FaceNotFound, StorageFull, *_STORE_ERRORS))
def forget_face(face_id: str) -> Receipt:
    """Forget a face for good."""
    return services().gallery.forget_face(face_id)


@blueprint.get("/collections")
@endpoint(scope=Scope.GALLERY_READ, response=CollectionsResponse, errors=_STORE_ERRORS)
def collections() -> CollectionsResponse:
    """The collections of the gallery, and how many persons each has."""
    return services().gallery.collections(only=caller().collection)


@blueprint.post("/collections")
@endpoint(
    scope=Scope.GALLERY_WRITE,
    request=CollectionRequest,
    response=CollectionInfo,
    status=201,
    infers=False,
    errors=(*_BODY_ERRORS, Conflict, StorageFull, *_STORE_ERRORS),
)
def add_collection(body: CollectionRequest) -> CollectionInfo:
    """Make a collection; /register makes one as well."""
    require_collection(body.name)
    return services().gallery.add_collection(body.name)


@blueprint.delete("/collections/<name>")
@endpoint(
    scope=Scope.GALLERY_WRITE,
    query=CollectionQuery,
    response=Receipt,
    errors=(ValidationFailed, NotFound, Conflict, StorageFull, *_STORE_ERRORS),
)
def remove_collection(query: CollectionQuery, name: str) -> Receipt:
    """Remove a collection for good, with all its persons if that is said."""
    require_collection(name)
    return services().gallery.remove_collection(name, with_persons=query.with_persons)


@blueprint.get("/verifications")
@endpoint(
    scope=Scope.ADMIN,
    query=VerificationsQuery,
    response=VerificationsResponse,
    errors=(ValidationFailed, *_STORE_ERRORS),
)
def verifications(query: VerificationsQuery) -> VerificationsResponse:
    """The decisions of /verify, in the order of sealing; without images and embeddings."""
    return services().verifications.page(query)


@blueprint.get("/audit")
@endpoint(scope=Scope.ADMIN, query=AuditQuery, response=AuditResponse, errors=(ValidationFailed, *_STORE_ERRORS))
def audit(query: AuditQuery) -> AuditResponse:
    """What was done and decided, and by whom, in the order of sealing; without images and embeddings."""
    return services().audit.page(query)
