"""Refuses what a page of another site makes a browser send, and host names that such a page can point at this service.

Without API keys, a browser behind the same firewall is all that a foreign page needs. It can send forms anywhere
without asking, and read answers of its own host name once its name server gives our address (DNS rebinding).
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from flask import Flask, current_app, request

from api.context import services, services_of
from api.route import route_of
from core.exceptions import Forbidden

_SAFE = ("GET", "HEAD", "OPTIONS")  # they change nothing, so links and preflights may come from everywhere

_KEY = "face_service_foreign_pages"

_HOST = re.compile(r"(\[[0-9a-z:.%]+\]|[0-9a-z._-]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://{_HOST.pattern}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: str


class _Allowed(NamedTuple):
    """Origins of CORS_ORIGINS, or None for all, and host names that are answered without API keys, or None for all."""

    origins: frozenset[_Origin] | None
    hosts: frozenset[str] | None


def init_foreign_pages(app: Flask) -> None:
    """Refuse requests of foreign pages and for foreign host names to `app`, before anything of them is read."""
    settings = services_of(app).settings
    origins = filter(None, map(_parsed, settings.cors_origins))
    app.extensions[_KEY] = _Allowed(
        origins=None if "*" in settings.cors_origins else frozenset(origins),
        hosts=None
        if "*" in settings.allowed_hosts
        else frozenset({"localhost", *_own_names(), *settings.allowed_hosts}),
    )
    app.before_request(_refuse)


def _own_names() -> Iterable[str]:
    """Return the names of this machine: its host name, without its domain too, and as multicast DNS has it."""
    name = socket.gethostname().lower().rstrip(".")
    short = name.partition(".")[0]
    return name, short, f"{short}.local"


def _refuse() -> None:
    """Raise Forbidden if a foreign page may have sent the current request."""
    allowed: _Allowed = current_app.extensions[_KEY]
    if (
        allowed.hosts is not None
        and not _is_probe()
        and not _is_own_host(allowed.hosts)
        and services().access.keys.is_open()
    ):
        raise Forbidden("Without API keys this host name is not answered. Add it to ALLOWED_HOSTS, or set API_KEYS.")
    if request.method not in _SAFE and allowed.origins is not None and _is_foreign(allowed.origins):
        raise Forbidden("Pages of this origin may not send requests. Add the origin to CORS_ORIGINS.")


def _is_probe() -> bool:
    return request.endpoint is not None and route_of(current_app.view_functions[request.endpoint]).is_probe


def _is_own_host(names: frozenset[str]) -> bool:
    """Return whether the host is an address or one of the names. A request without any is not a browser's."""
    given = request.environ.get("HTTP_HOST", "").lower()
    if not given:
        return True
    found = _HOST.fullmatch(given)
    if found is None:
        return False
    host = found[1].removesuffix(".")
    return host in names or _is_address(host.strip("[]"))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_foreign(allowed: frozenset[_Origin]) -> bool:
    """Return whether the current request names an origin that is neither its own nor allowed.

    Every browser sends one with a request that changes something. Without it, a browser can still say `cross-site`.
    """
    given = request.headers.get("Origin")
    if given is None:
        return "cross-site" in request.headers.get("Sec-Fetch-Site", "")
    origin = _parsed(given)
    own = _parsed(f"{request.scheme}://{request.environ.get('HTTP_HOST', '')}")
    return origin is None or (origin != own and origin not in allowed)


def _parsed(text: str) -> _Origin | None:
    """Return the origin that a header or a setting holds; None for `null` and all that is no origin."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return _Origin(scheme, host, port or _DEFAULT_PORTS.get(scheme, ""))
