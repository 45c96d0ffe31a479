"""Endpoints about the service itself: its description, liveness, readiness and models."""

from itertools import chain

from flask import Blueprint, Response, current_app

from api.context import services
from api.door import doors_of
from api.endpoint import endpoint
from api.openapi import openapi_document
from api.route import Route
from api.views import door_views, summary, views
from core import __version__
from core.exceptions import ModelLoading, ModelUnavailable, ServiceUnavailable
from core.metrics.exposition import CONTENT_TYPE, exposition
from core.scopes import Scope
from schemas.models import ModelsResponse
from schemas.service import Endpoint, Health, Readiness, ServiceInfo

blueprint = Blueprint("service", __name__)


@blueprint.get("/")
@endpoint(Route(scope=None, response=ServiceInfo))
def info() -> ServiceInfo:
    """Name, version and endpoints of the service."""
    of_doors = (door_views(current_app, door) for door in doors_of(current_app))
    found = (*views(current_app), *chain.from_iterable(of_doors))
    lines = [Endpoint(method=method, path=path, summary=summary(view)) for method, path, view in found]
    needs_key = not services().access.keys.is_open()
    return ServiceInfo(service="face-service", version=__version__, needs_key=needs_key, endpoints=lines)


# Load balancers and monitors add texts of their own to the query string, against caches. If that were an error, they
# would take a healthy server out of service.
@blueprint.get("/health")
@endpoint(Route(scope=None, response=Health, is_probe=True))
def health() -> Health:
    """Liveness check. Always answers, even under load."""
    return Health(version=__version__)


@blueprint.get("/ready")
@endpoint(
    Route(scope=None, response=Readiness, is_probe=True, errors=(ModelLoading, ModelUnavailable, ServiceUnavailable))
)
def ready() -> Readiness:
    """Readiness check of the preloaded models and the database. If not ready, 503 names each part."""
    readiness = services().health.readiness
    return Readiness(version=__version__, parts=readiness.require_ready(), shared_trunk=readiness.sharing())


@blueprint.get("/metrics")
@endpoint(Route(scope=Scope.METRICS, response=None, media_type="text/plain", in_document=False))
def metrics() -> Response:
    """Metrics of all workers in Prometheus's text format."""
    return Response(exposition(services().health.figures.readings()), content_type=CONTENT_TYPE)


@blueprint.get("/models")
@endpoint(Route(scope=Scope.FACES, response=ModelsResponse))
def models() -> ModelsResponse:
    """List models with purpose, accuracy, licence and status."""
    return services().models.overview.models()


@blueprint.get("/openapi.json")
@endpoint(Route(scope=None, response=None, in_document=False))
def openapi() -> Response:
    """The API description as OpenAPI 3.1."""
    return openapi_document(current_app).answer()
