"""Sets the security headers of every answer, and the CORS headers for CORS_ORIGINS."""

import re

from flask import Flask, Response
from flask_cors import CORS

from api.context import services_of

# Answers are data about faces. Except /docs none is a page, and none may be cached or shown within another site's page.
# A proxy that terminates TLS must add Strict-Transport-Security.
SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_METHODS = ("GET", "POST", "PATCH", "DELETE")
_TAKEN = ("Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Request-Id", "traceparent", "tracestate")
_SHOWN = (
    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "Server-Timing", "X-Receipt-Id",
    "X-Request-Id", "X-Response-Time-Ms",
)  # fmt: skip
_ASK_AGAIN_S = 600  # lifetime of a preflight answer in the browser


def init_browsers(app: Flask) -> None:
    """Add the security headers to every answer of `app`, and CORS headers if CORS_ORIGINS is set."""
    app.after_request(_secure)
    # Flask-CORS would take an IPv6 address in brackets for a regular expression.
    origins = services_of(app).settings.cors_origins
    if origins:
        CORS(
            app,
            origins=[re.compile(re.escape(origin) + r"\Z") if "[" in origin else origin for origin in origins],
            methods=list(_METHODS),
            allow_headers=list(_TAKEN),
            expose_headers=list(_SHOWN),
            max_age=_ASK_AGAIN_S,
            send_wildcard="*" in origins,
            always_send=False,
            intercept_exceptions=False,  # errors get the headers like any other answer
        )


def _secure(response: Response) -> Response:
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)  # /docs sets its own policy
    return response
