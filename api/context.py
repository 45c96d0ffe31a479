"""Gives a request access to the services, and tells which scope it needs."""

from flask import Flask, current_app

from api.route import Route
from core.scopes import Scope
from services.bootstrap.services import Services

_KEY = "face_service"


def attach(app: Flask, services: Services) -> None:
    """Attach `services` to `app`."""
    app.extensions[_KEY] = services


def services_of(app: Flask) -> Services:
    """Return the services of `app`."""
    services = app.extensions[_KEY]
    assert isinstance(services, Services)
    return services


def services() -> Services:
    """Return the services of the application that handles the current request."""
    return services_of(current_app)


def is_open(route: Route) -> bool:
    """Return whether requests of a route need no API key."""
    return route.is_public or (route.scope is Scope.METRICS and services().settings.metrics_public)
