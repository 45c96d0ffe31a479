"""What pages of other sites, and host names that point here, get."""

import socket

import pytest

from api.context import services_of
from core.scopes import Scope
from tests.api.middleware.test_authentication import bearer
from tests.conftest import KEY, assert_error
from tests.serving import served, wait_for

PAGE = "https://app.example.com"
HERE = "http://localhost:5000"
WRITES = [
    ("POST", "/register"),
    ("POST", "/api/v1/collections"),
    ("PATCH", "/persons/1"),
    ("PUT", "/persons/1"),
    ("DELETE", "/persons/1"),
    ("POST", "/verify"),
    ("POST", "/nothing"),
    ("POST", "/health"),
]
FORMS = ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain", "application/json")
OWN = [
    ("localhost:5000", HERE),
    ("LocalHost:5000", HERE),
    ("localhost:5000", "HTTP://LOCALHOST:5000"),
    ("localhost", "http://localhost"),
    ("localhost:80", "http://localhost"),
    ("localhost", "http://localhost:80"),
    ("localhost.:5000", "http://localhost.:5000"),
    ("[::1]:5000", "http://[::1]:5000"),
    ("192.0.2.7:8080", "http://192.0.2.7:8080"),
]
FOREIGN = [
    ("localhost:5000", PAGE),
    ("localhost:5000", "null"),
    ("localhost:5000", ""),
    ("localhost:5000", "http://localhost:3000"),
    ("localhost:5000", "http://localhost"),
    ("localhost:5000", "https://localhost:5000"),
    ("localhost:5000", "http://user@localhost:5000"),
    ("localhost:5000", "http://localhost:5000/"),
    ("localhost:5000", "http://localhost:5000.evil.net"),
    ("localhost:5000", f"{HERE},{HERE}"),
    ("localhost:5000", f"{HERE}, {PAGE}"),
    ("localhost:5000", f"{PAGE} {HERE}"),
    ("localhost:5000", "localhost:5000"),
    ("localhost:5000", "//localhost:5000"),
    ("localhost:5000", "file://"),
    ("[::1]:5000", "http://::1:5000"),
    ("", "http://"),
    ("", PAGE),
]
MACHINE = socket.gethostname()


def send(app, method="POST", path="/register", *, host="localhost:5000", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().open(path, method=method, headers=named, environ_overrides={"HTTP_HOST": host})


def is_refused(answer, setting):
    """Whether it is the refusal that names the setting."""
    return answer.status_code == 403 and setting in assert_error(answer, 403, "forbidden")["message"]


@pytest.mark.parametrize("keys", [(), (KEY,)])
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_foreign_page_changes_nothing_by_whatever_form(make_app, keys, method, path):
    app = make_app(api_keys=keys)
    for kind in FORMS:
        for told in ({"Origin": PAGE}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
            assert is_refused(send(app, method, path, Content_Type=kind, **bearer(KEY), **told), "CORS_ORIGINS")


@pytest.mark.parametrize(("host", "origin"), OWN)
def test_the_services_own_pages_may_send(app, host, origin):
    for told in ({}, {"Sec_Fetch_Site": "same-origin"}):
        assert send(app, host=host, Origin=origin, **told).status_code == 422


@pytest.mark.parametrize(("host", "origin"), FOREIGN)
def test_every_other_origin_is_foreign(app, host, origin):
    assert is_refused(send(app, host=host, Origin=origin), "CORS_ORIGINS")


def test_several_origins_are_none(app):
    headers = [("Origin", HERE), ("Origin", PAGE), ("Host", "localhost:5000")]
    assert is_refused(app.test_client().post("/register", headers=headers), "CORS_ORIGINS")


@pytest.mark.parametrize("told", ["none", "same-origin", "same-site", None])
def test_who_names_no_origin_is_no_foreign_page(app, told):
    headers = {} if told is None else {"Sec_Fetch_Site": told}
    assert send(app, **headers).status_code == 422


def test_links_from_elsewhere_lead_here(app):
    for path in ("/", "/docs", "/docs/start.js", "/openapi.json", "/persons"):
        for method in ("GET", "HEAD"):
            answer = send(app, method, path, Origin=PAGE, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
            assert answer.status_code == 200


def test_pages_of_cors_origins_may_send_and_ask_before(make_app):
    app = make_app(cors_origins=(PAGE, "http://localhost:3000"))
    for origin in (PAGE, "https://app.example.com:443", "http://localhost:3000", "http://localhost:5000"):
        assert send(app, Origin=origin, Sec_Fetch_Site="cross-site").status_code == 422
    asked = send(app, "OPTIONS", "/verify", Origin=PAGE, Access_Control_Request_Method="POST")
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    refused = send(app, Origin="https://evil.net")
    assert is_refused(refused, "CORS_ORIGINS")
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize("origin", [PAGE, "null", "", "file://"])
def test_a_star_lets_all_pages_send(make_app, origin):
    app = make_app(cors_origins=("*",))
    assert send(app, Origin=origin).status_code == 422
    assert send(app, Sec_Fetch_Site="cross-site").status_code == 422


def test_scheme_and_host_are_those_that_trusted_proxies_saw(make_app):
    forwarded = {
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "faces.example.com",
        "Origin": "https://faces.example.com",
    }
    assert is_refused(send(make_app(api_keys=(KEY,)), host="api:5000", **forwarded, **bearer(KEY)), "CORS_ORIGINS")
    app = make_app(trusted_proxies=1, api_keys=(KEY,))
    assert send(app, host="api:5000", **forwarded, **bearer(KEY)).status_code == 422
    chain = forwarded | {"X_Forwarded_Host": "app.example.com, faces.example.com"}
    assert send(app, host="api:5000", **chain, **bearer(KEY)).status_code == 422
    assert is_refused(send(app, host="api:5000", **forwarded | {"Origin": PAGE}, **bearer(KEY)), "CORS_ORIGINS")


ANSWERED = [
    "localhost", "LOCALHOST:5000", "localhost.", "localhost:1", "127.0.0.1:5000", "10.1.2.3", "[::1]:5000", "[::1]",
    "[FE80::1%25eth0]:5000", MACHINE, f"{MACHINE.upper()}:8080", f"{MACHINE}.", f"{MACHINE.partition('.')[0]}.local",
    "",
]  # fmt: skip
UNANSWERED = [
    "evil.net", "evil.net:5000", "localhost.evil.net", "127.0.0.1.evil.net", "127.0.0.1.nip.io:5000", "user@localhost",
    "localhost@evil.net", "localhost:5000@evil.net", "localhost:", "localhost:port", "localhost,evil.net",
    "localhost evil", "::1", "[::1", "[localhost]", "127.1", "0x7f000001", "localhost/", "api:5000",
]  # fmt: skip


@pytest.mark.parametrize("host", ANSWERED)
def test_without_keys_addresses_and_names_of_this_machine_are_answered(app, host):
    assert [send(app, "GET", path, host=host).status_code for path in ("/", "/persons", "/docs")] == [200, 200, 200]


@pytest.mark.parametrize("host", UNANSWERED)
def test_without_keys_no_other_name_is_answered(app, host):
    for method, path in (
        ("GET", "/"),
        ("GET", "/persons"),
        ("GET", "/docs"),
        ("GET", "/nothing"),
        ("OPTIONS", "/find"),
    ):
        assert is_refused(send(app, method, path, host=host), "ALLOWED_HOSTS")
    own = {"Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
    assert is_refused(send(app, "POST", "/register", host=host, **own), "ALLOWED_HOSTS")
    for path in ("/health", "/ready", "/api/v1/health", "/api/v1/ready"):
        assert send(app, "GET", path, host=host).status_code == 200


def test_a_name_that_is_none_is_not_answered(app):
    for host in ("localhost..", ".localhost", "a" * 300, "a..b", "xn--\xe9"):
        assert is_refused(send(app, "GET", "/persons", host=host), "ALLOWED_HOSTS")


def test_allowed_hosts_are_answered(make_app):
    app = make_app(allowed_hosts=("api", "faces.example.com"))
    for host in ("api:5000", "API", "faces.example.com.", "localhost"):
        assert send(app, "GET", "/persons", host=host).status_code == 200
    assert send(app, host="api:5000", Origin="http://api:5000").status_code == 422
    assert is_refused(send(app, "GET", host="x.faces.example.com"), "ALLOWED_HOSTS")
    assert send(make_app(allowed_hosts=("*",)), "GET", "/persons", host="evil.net").status_code == 200


def test_with_keys_every_name_is_answered(make_app):
    """A page of that name has no key."""
    app = make_app(api_keys=(KEY,))
    assert send(app, "GET", "/", host="evil.net").status_code == 200
    assert send(app, "GET", "/persons", host="evil.net", **bearer(KEY)).status_code == 200
    assert send(app, "GET", "/persons", host="evil.net").status_code == 401


def test_the_first_key_opens_every_name(app):
    assert is_refused(send(app, "GET", "/", host="faces.example.com"), "ALLOWED_HOSTS")
    services_of(app).access.keys.create("x", [Scope.FIND])
    assert send(app, "GET", "/", host="faces.example.com").status_code == 200


def test_while_the_database_is_away_public_routes_are_answered(make_app):
    app = make_app(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    assert send(app, "GET", "/", host="faces.example.com").status_code == 200
    assert_error(send(app, "GET", "/persons", host="faces.example.com"), 503, "service_unavailable")


def test_what_is_refused_is_counted_for_its_address(make_app):
    app = make_app(rate_limit_address="1/hour")
    assert is_refused(send(app, "GET", "/", host="evil.net"), "ALLOWED_HOSTS")
    assert_error(send(app, Origin=PAGE), 429, "rate_limited")


def asked(address, head):
    with socket.create_connection(address, 10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return connection.recv(65536).decode()


def test_what_gunicorn_makes_of_hosts_and_origins(tmp_path):
    """HTTP/1.0 without a host, two hosts, two origins, and an origin in two lines."""
    form = "Content-Type: application/x-www-form-urlencoded\nContent-Length: 0"
    with served(tmp_path) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        name = url.removeprefix("http://")
        host, port = name.split(":")
        for status, head in (
            (200, "GET /persons HTTP/1.0"),
            (200, f"GET /persons HTTP/1.1\nHost: {name}"),
            (403, "GET /persons HTTP/1.1\nHost: evil.net"),
            (403, "GET /persons HTTP/1.0\nHost: evil.net"),
            (403, "GET http://evil.net/persons HTTP/1.1\nHost: evil.net"),
            (200, "GET /health HTTP/1.1\nHost: evil.net"),
            (422, f"POST /register HTTP/1.1\nHost: {name}\nOrigin: {url}\n{form}"),
            (403, f"POST /register HTTP/1.1\nHost: {name}\nOrigin: {url}\nOrigin: {PAGE}\n{form}"),
            (403, f"POST /register HTTP/1.1\nHost: {name}\nOrigin: null\n{form}"),
            (403, f"POST /register HTTP/1.0\nOrigin: {PAGE}\n{form}"),
            (422, f"POST /register HTTP/1.0\n{form}"),
        ):
            answer = asked((host, int(port)), head)
            assert answer.split(" ", 2)[1] == str(status), (head, answer)
        two = asked((host, int(port)), f"GET /persons HTTP/1.1\nHost: {name}\nHost: evil.net")
        assert two.split(" ", 2)[1] in ("400", "403"), two
