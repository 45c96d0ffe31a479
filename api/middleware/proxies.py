"""Takes the client's address, scheme and host from trusted proxies, and the path prefix from the settings."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from api.context import services_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def init_proxies(app: Flask) -> None:
    """Believe the `X-Forwarded` headers of as many proxies as TRUSTED_PROXIES says, and take SCRIPT_NAME off paths."""
    settings = services_of(app).settings
    wsgi_app = app.wsgi_app
    if settings.script_name:
        wsgi_app = _Prefixed(wsgi_app, settings.script_name)
    if count := settings.trusted_proxies:
        wsgi_app = ProxyFix(wsgi_app, x_for=count, x_proto=count, x_host=count)
    app.wsgi_app = wsgi_app  # type: ignore[method-assign]


class _Prefixed:
    """Serves an application below a path prefix, and without it for requests past the proxy, as of health checks."""

    def __init__(self, app: "WSGIApplication", prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            environ["PATH_INFO"] = path.removeprefix(self._prefix)
        environ["SCRIPT_NAME"] = self._prefix
        return self._app(environ, start_response)
