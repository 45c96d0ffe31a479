"""Requests without a key: none costs much of the processor, and RATE_LIMIT_ADDRESS counts nearly all of them."""

import re
import time
from itertools import cycle, islice

from werkzeug.test import Client

from api.middleware import rate_limits
from api.views import views
from tests.api.v1.test_gallery import UNKNOWN
from tests.conftest import KEY

COST = "load: requests that need no key, at most 20 ms of the processor each"
COUNTED = "load: requests of all routes and of none, each counted for its address"
ROUND = 20
REQUESTS = 200  # more than there are routes
MAX_S = 0.02  # of the processor, in the mean of a round; building the OpenAPI document takes 0.14 s or more
PATHS = (
    "/", "/health", "/ready", "/openapi.json", "/docs", "/docs/start.js", "/docs/swagger-ui.css",
    "/docs/swagger-ui-bundle.js", "/docs/nothing", "/nothing", "/verify", "/persons",
)  # fmt: skip
OTHER = [("GET", "/nothing"), ("POST", "/docs/x/y"), ("GET", "/docs/nothing"), ("PUT", "/health"), ("OPTIONS", "/find")]
PROBES = {f"{prefix}/{name}" for prefix in ("", "/api/v1") for name in ("health", "ready")}


def costly(app, before=lambda: None):
    """How often it was asked, and which paths cost too much."""
    client, breaches = Client(app), []  # Flask's own is listened to here, which costs more than most answers
    for path in PATHS:
        client.get(path)  # may build what is kept
        started = time.process_time()
        for _ in range(ROUND):
            before()
            client.get(path)
        seconds = (time.process_time() - started) / ROUND
        if seconds > MAX_S:
            breaches.append(f"{path} took {seconds:.3f} s of the processor")
    return len(PATHS) * ROUND, breaches


def uncounted(app):
    """How often it was asked, and which requests an address may send more often than once."""
    client, breaches = app.test_client(), []
    routes = [(method, prefix + path) for method, path, _ in views(app) for prefix in ("", "/api/v1")] + OTHER
    for number, (method, path) in enumerate(islice(cycle(routes), REQUESTS)):
        for status in (None, 429):
            answer = client.open(
                re.sub(r"{\w+}", UNKNOWN, path),
                method=method,
                environ_overrides={"REMOTE_ADDR": f"192.0.{number // 250}.{number % 250}"},
            )
            limited = answer.status_code == 429
            if (method, path in PROBES) == ("GET", True):
                assert answer.status_code == 200
            elif limited != (status == 429):
                breaches.append(f"{method} {path}: {answer.status_code}")
    return REQUESTS, breaches


def test_what_needs_no_key_is_cheap(make_app, attack):
    attack(COST, *costly(make_app(api_keys=(KEY,))))


def test_a_document_that_is_built_for_each_request_is_noticed(make_app, attack):
    app = make_app(api_keys=(KEY,))
    breaches = costly(app, before=lambda: app.extensions.pop("face_service_openapi", None))[1]
    attack(COST, 0, breaches, twin=True, noticing=["/openapi.json"])


def test_requests_are_counted_for_their_address(make_app, attack):
    open_tries, open_breaches = uncounted(make_app(rate_limit_address="1/hour"))
    tries, breaches = uncounted(make_app(rate_limit_address="1/hour", api_keys=(KEY,)))
    attack(COUNTED, open_tries + tries, open_breaches + breaches)


def test_a_limit_that_leaves_public_routes_out_is_noticed(make_app, attack, monkeypatch):
    monkeypatch.setattr(rate_limits, "_is_probe", rate_limits._is_public)
    breaches = uncounted(make_app(rate_limit_address="1/hour"))[1]
    attack(COUNTED, 0, breaches, twin=True, noticing=["GET /openapi.json", "GET /docs/nothing", "OPTIONS /find"])
