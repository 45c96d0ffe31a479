"""What browsers are told."""

import pytest

from tests.api.v1.test_gallery import text
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE

PAGE = "https://app.example.com"
SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def preflight(client, origin=PAGE, path="/verify", **headers):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key, content-type"}
    return client.options(path, headers={"Origin": origin} | asked | headers)


def allowed(response):
    """The headers of CORS."""
    return {name: value for name, value in response.headers.items() if name.startswith("Access-Control-")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/", 200),
        ("GET", "/docs/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/verify", 405),
        ("OPTIONS", "/verify", 200),
        ("POST", "/verify", 401),
    ],
)
def test_every_answer_carries_the_security_headers_once(make_app, method, path, status):
    answer = make_app(api_keys=(KEY,)).test_client().open(path, method=method)
    assert answer.status_code == status
    for name, value in SECURITY.items():
        assert answer.headers.getlist(name) == [value]


def test_a_failure_and_a_refusal_carry_them_too(make_app, engine, monkeypatch):
    def fail(*_):
        raise RuntimeError("unforeseen")

    client = make_app(rate_limit="1/hour").test_client()
    monkeypatch.setattr(engine, "detect", fail)
    for status, code in ((500, "internal_error"), (429, "rate_limited")):
        answer = client.post("/represent", json={"img": text(ALICE)})
        assert_error(answer, status, code)
        assert SECURITY.items() <= dict(answer.headers).items()


def test_by_default_there_is_no_header_of_cors(client):
    assert allowed(client.get("/health", headers={"Origin": PAGE})) == {}
    assert allowed(preflight(client)) == {}


def test_a_page_that_may_ask_is_told_so_before_it_needs_a_key(make_app):
    client = make_app(cors_origins=("https://other.example.com", PAGE), api_keys=(KEY,)).test_client()
    answer = preflight(client)
    assert answer.status_code == 200
    headers = allowed(answer)
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert headers["Access-Control-Allow-Headers"] == "content-type, x-api-key"
    assert set(headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "PATCH", "DELETE"}
    assert "Access-Control-Allow-Credentials" not in headers
    taken = preflight(
        client, **{"Access-Control-Request-Headers": "authorization, cookie, idempotency-key, x-request-id"}
    )
    assert allowed(taken)["Access-Control-Allow-Headers"] == "authorization, idempotency-key, x-request-id"


def test_it_may_read_answers_and_errors_and_their_headers(make_app):
    client = make_app(cors_origins=(PAGE,), api_keys=(KEY,)).test_client()
    for path, key, status in (("/persons", KEY, 200), ("/persons", "", 401), ("/nothing", "", 404)):
        answer = client.get(path, headers={"Origin": PAGE, "X-API-Key": key})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, PAGE)
        shown = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id"} <= shown


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://app.example.com",
        f"{PAGE}.evil.net",
        "https://appxexample.com",
        f"{PAGE}:8443",
        "https://evil.net",
    ],
)
def test_every_other_page_is_told_nothing(make_app, origin):
    client = make_app(cors_origins=(PAGE, "https://other.example.com")).test_client()
    assert allowed(preflight(client, origin)) == {}
    assert allowed(client.get("/persons", headers={"Origin": origin})) == {}
    assert allowed(client.get("/persons")) == {}


def test_a_star_lets_all_pages_ask_without_credentials(make_app):
    client = make_app(cors_origins=("*",)).test_client()
    headers = allowed(client.get("/persons", headers={"Origin": "https://anywhere.example.net"}))
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers


def test_a_page_at_an_ipv6_address_may_ask(make_app):
    client = make_app(cors_origins=("http://[::1]:3000", PAGE)).test_client()
    for origin in ("http://[::1]:3000", PAGE):
        assert allowed(preflight(client, origin))["Access-Control-Allow-Origin"] == origin
        assert client.post("/register", headers={"Origin": origin}).status_code == 422
    for origin in ("http://1:3000", "http://:3000", "http://[::1]:3001", "http://[::2]:3000"):
        assert allowed(preflight(client, origin)) == {}
        assert_error(client.post("/register", headers={"Origin": origin}), 403, "forbidden")
