"""The endpoints of the audit trail."""

from flask import Blueprint

from api.context import services
from api.endpoint import endpoint
from api.route import Route
from api.v1.error_groups import STORE_ERRORS
from core.exceptions import DeadlineExceeded, ValidationFailed
from core.scopes import Scope
from schemas.audit import (
    AuditQuery,
    AuditResponse,
    ChainQuery,
    ChainResponse,
    VerificationsQuery,
    VerificationsResponse,
)

blueprint = Blueprint("audit", __name__)


@blueprint.get("/verifications")
@endpoint(
    Route(
        scope=Scope.ADMIN,
        query=VerificationsQuery,
        response=VerificationsResponse,
        errors=(ValidationFailed, *STORE_ERRORS),
    )
)
def verifications(query: VerificationsQuery) -> VerificationsResponse:
    """List the decisions of /verify in sealing order, without images or embeddings."""
    return services().audit.verifications.page(query)


@blueprint.get("/audit")
@endpoint(Route(scope=Scope.ADMIN, query=AuditQuery, response=AuditResponse, errors=(ValidationFailed, *STORE_ERRORS)))
def audit(query: AuditQuery) -> AuditResponse:
    """List all recorded actions and decisions with their API key in sealing order, without images or embeddings."""
    return services().audit.trail.page(query)


@blueprint.get("/audit/verify")
@endpoint(
    Route(
        scope=Scope.ADMIN,
        query=ChainQuery,
        response=ChainResponse,
        errors=(ValidationFailed, DeadlineExceeded, *STORE_ERRORS),
    )
)
def verify_audit(query: ChainQuery) -> ChainResponse:
    """Recompute every hash of the audit trail, and list what differs from what was sealed."""
    return services().audit.trail.verification(query)
