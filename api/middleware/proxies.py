"""Takes the client's address, scheme and host from trusted proxies."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from api.context import services_of


def init_proxies(app: Flask) -> None:
    """Believe the `X-Forwarded` headers of as many proxies as TRUSTED_PROXIES says, before any other code of `app`."""
    count = services_of(app).settings.trusted_proxies
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
