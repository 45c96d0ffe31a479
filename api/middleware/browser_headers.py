"""What browsers are told on every answer, and which foreign pages may ask."""

from flask import Flask, Response
from flask_cors import CORS

from api.context import services_of

# Answers are data about faces: nothing of them but /docs is a page, kept in a cache, or shown within another site's
# page. Who ends TLS in front adds Strict-Transport-Security.
SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_METHODS = ("GET", "POST", "PATCH", "DELETE")
_TAKEN = ("Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Request-Id")
_SHOWN = (
    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Receipt-Id", "X-Request-Id",
    "X-Response-Time-Ms",
)  # fmt: skip
_ASK_AGAIN_S = 600  # after which a browser asks again what it may send


def init_browsers(app: Flask) -> None:
    """Add the security headers to every answer of `app`, and where CORS_ORIGINS is set those of CORS."""
    app.after_request(_secure)
    origins = services_of(app).settings.cors_origins
    if origins:
        CORS(
            app,
            origins=list(origins),
            methods=list(_METHODS),
            allow_headers=list(_TAKEN),
            expose_headers=list(_SHOWN),
            max_age=_ASK_AGAIN_S,
            send_wildcard="*" in origins,
            always_send=False,
            intercept_exceptions=False,  # they are answers like others
        )


def _secure(response: Response) -> Response:
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)  # the one page says itself what it may load
    return response
