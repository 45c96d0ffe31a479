"""The subjects of CompreFace, which are the persons of a collection."""

from api.compat.compreface.door import blueprint, collection
from api.context import services
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, STORE_ERRORS
from core.exceptions import Conflict, PersonNotFound, StorageFull, ValidationFailed
from core.scopes import Scope
from schemas.compat.compreface.answers import (
    CompreFaceDeleted,
    CompreFaceSubject,
    CompreFaceSubjects,
    CompreFaceUpdated,
)
from schemas.compat.compreface.requests import CompreFaceQuery, CompreFaceSubjectRequest


@blueprint.post("/recognition/subjects")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=CompreFaceSubjectRequest,
        response=CompreFaceSubject,
        status=201,
        infers=False,
        errors=(*BODY_ERRORS, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def add_subject(body: CompreFaceSubjectRequest) -> CompreFaceSubject:
    """Create a person without faces. Adding a face also creates a missing person."""
    services().gallery.persons.add_person(body.name, within=collection())
    return CompreFaceSubject(subject=body.name)


@blueprint.get("/recognition/subjects")
@endpoint(Route(scope=Scope.GALLERY_READ, query=CompreFaceQuery, response=CompreFaceSubjects, errors=STORE_ERRORS))
def subjects(_: CompreFaceQuery) -> CompreFaceSubjects:
    """List the names of all persons."""
    return CompreFaceSubjects(subjects=services().gallery.persons.names(within=collection()))


@blueprint.put("/recognition/subjects/<path:subject>")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=CompreFaceSubjectRequest,
        response=CompreFaceUpdated,
        infers=False,
        errors=(*BODY_ERRORS, PersonNotFound, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def rename_subject(body: CompreFaceSubjectRequest, subject: str) -> CompreFaceUpdated:
    """Rename a person. If another person has the new name, merge the two."""
    name = _name(subject)
    if name != body.name:
        services().gallery.persons.rename(name, body.name, within=collection())
    return CompreFaceUpdated(updated=name != body.name)


@blueprint.delete("/recognition/subjects/<path:subject>")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        query=CompreFaceQuery,
        response=CompreFaceSubject,
        errors=(ValidationFailed, PersonNotFound, Conflict, StorageFull, *STORE_ERRORS),
    )
)
def delete_subject(_: CompreFaceQuery, subject: str) -> CompreFaceSubject:
    """Permanently delete a person and all their faces."""
    persons, name = services().gallery.persons, _name(subject)
    persons.forget_person(persons.named(name, within=collection()).id, within=collection())
    return CompreFaceSubject(subject=name)


@blueprint.delete("/recognition/subjects")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        query=CompreFaceQuery,
        response=CompreFaceDeleted,
        errors=(StorageFull, *STORE_ERRORS),
    )
)
def delete_subjects(_: CompreFaceQuery) -> CompreFaceDeleted:
    """Permanently delete all persons of the collection."""
    persons, _faces = services().gallery.persons.forget_everybody(within=collection())
    return CompreFaceDeleted(deleted=persons)


def _name(subject: str) -> str:
    return validated(CompreFaceSubjectRequest, {"subject": subject}).name
