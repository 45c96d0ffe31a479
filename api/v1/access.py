"""The endpoints of API keys, and of the limits of requests."""

from flask import Blueprint

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import caller
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, STORE_ERRORS
from core.exceptions import NotFound, StorageFull
from core.scopes import Scope
from schemas.access import KeyInfo, KeyRequest, KeysResponse, LimitsResponse, NewKey

blueprint = Blueprint("access", __name__)


@blueprint.get("/keys")
@endpoint(Route(scope=Scope.ADMIN, response=KeysResponse, errors=STORE_ERRORS))
def keys() -> KeysResponse:
    """List the API keys of the database, without their secrets."""
    return services().access.administration.keys()


@blueprint.post("/keys")
@endpoint(
    Route(
        scope=Scope.ADMIN,
        request=KeyRequest,
        response=NewKey,
        status=201,
        infers=False,
        errors=(*BODY_ERRORS, StorageFull, *STORE_ERRORS),
    )
)
def create_key(body: KeyRequest) -> NewKey:
    """Create an API key. Only this answer shows it."""
    return services().access.administration.create(body, by=caller())


@blueprint.delete("/keys/<key_id>")
@endpoint(Route(scope=Scope.ADMIN, response=KeyInfo, errors=(NotFound, StorageFull, *STORE_ERRORS)))
def revoke_key(key_id: str) -> KeyInfo:
    """Revoke an API key permanently. Takes effect within 5 seconds."""
    return services().access.administration.revoke(key_id)


@blueprint.get("/limits")
@endpoint(Route(scope=None, any_key=True, response=LimitsResponse))
def limits() -> LimitsResponse:
    """What the API key of the request may do, and the limits of requests. Any valid key may ask."""
    return services().access.limits.limits(of=caller())
