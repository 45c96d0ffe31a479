"""How often a key or an address may ask, in memory and in the database."""

import threading

import pytest

from api.context import services_of
from api.middleware.rate_limits import WRONG_KEYS
from api.route import route_of
from api.views import views
from core.exceptions import ServiceUnavailable
from core.scopes import Scope
from services.access import counters
from services.access.counters import DatabaseStorage
from tests.api.middleware.test_authentication import OTHER, bearer
from tests.conftest import KEY, assert_error

STORAGES = ("memory", "database")
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def ask(app, address="192.0.2.1", key=KEY, path="/persons", **headers):
    environ = {"REMOTE_ADDR": address}
    return app.test_client().get(path, headers={"X-API-Key": key, **headers}, environ_overrides=environ)


def wrong(number):
    return f"{number:040}"


def away(*_):
    raise ServiceUnavailable("away")


@pytest.fixture(params=STORAGES)
def make_limited(request, make_app):
    def make(**settings):
        return make_app(**{"rate_limit_storage": request.param, "api_keys": (KEY, OTHER)} | settings)

    return make


def test_a_key_is_limited_from_whatever_address_and_others_are_not(make_limited):
    app = make_limited(rate_limit="2/minute")
    for number, left in enumerate(("1", "0")):
        answer = ask(app, f"192.0.2.{number}", path="/api/v1/persons" if number else "/persons")
        limit, remaining, reset = (answer.headers[name] for name in HEADERS)
        assert (answer.status_code, limit, remaining) == (200, "2", left)
        assert 1 <= int(reset) <= 60
    refused = ask(app, "192.0.2.9", path="/collections")
    assert_error(refused, 429, "rate_limited")
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert ask(app, key=OTHER).status_code == 200


def test_an_address_is_limited_with_whatever_keys_and_before_they_are_looked_up(make_limited):
    app = make_limited(rate_limit_address="3/minute", rate_limit="100/minute")
    assert [ask(app, key=key).status_code for key in (KEY, OTHER, "", KEY)] == [200, 200, 401, 429]
    assert_error(ask(app, key=wrong(1)), 429, "rate_limited")
    assert ask(app, "192.0.2.2").headers["RateLimit-Limit"] == "3"  # the nearest of the two


def test_without_keys_it_is_the_address_that_is_limited(make_limited):
    app = make_limited(rate_limit="1/minute", api_keys=())
    assert [ask(app, address).status_code for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [200, 200, 429]


@pytest.mark.parametrize("limits", ["5/hour, 2/minute", "2/hour, 5/minute"])
def test_of_several_limits_each_holds(make_limited, limits):
    app = make_limited(rate_limit=limits)
    assert [ask(app).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(app).headers["RateLimit-Limit"] == "2"


def test_a_request_without_the_scope_is_counted(make_limited):
    app = make_limited(rate_limit="2/minute")
    narrow = services_of(app).access.keys.create("x", [Scope.FIND])[1]
    first, second, third = (ask(app, key=narrow) for _ in range(3))
    assert_error(first, 403, "forbidden")
    assert first.headers["RateLimit-Remaining"] == "1"
    assert_error(second, 403, "forbidden")
    assert_error(third, 429, "rate_limited")
    assert ask(app).status_code == 200


def test_the_body_of_a_limited_request_is_not_read(make_limited):
    app = make_limited(rate_limit="1/minute")
    ask(app)
    broken = app.test_client().post("/verify", data=b"{", content_type="application/json", headers=bearer(KEY))
    assert_error(broken, 429, "rate_limited")


PROBES = ("/health", "/ready", "/api/v1/health", "/api/v1/ready", "/health/")


def test_probes_are_never_limited_and_say_nothing_of_limits(make_limited):
    app = make_limited(rate_limit="1/hour", rate_limit_address="1/hour")
    ask(app)
    for path in PROBES:
        for _ in range(3):
            answer = ask(app, path=path)
            assert answer.status_code == 200
            assert not set(HEADERS) & set(answer.headers.keys())
    assert ask(app).status_code == 429


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/api/v1", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/docs/start.js", 200),
        ("GET", "/api/v1/docs/swagger-ui-bundle.js", 200),
        ("GET", "/docs/nothing", 404),
        ("GET", "/nothing", 404),
        ("POST", "/health/nothing", 404),
        ("POST", "/health", 405),
        ("PUT", "/persons", 405),
        ("PROPFIND", "/", 405),
        ("OPTIONS", "/verify", 200),
        ("OPTIONS", "/nothing", 404),
        ("GET", "/persons", 401),
        ("POST", "/verify", 401),
    ],
)
def test_everything_else_of_an_address_is_counted(make_app, method, path, status):
    app = make_app(rate_limit_address="2/hour", api_keys=(KEY,))
    answers = [app.test_client().open(path, method=method) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["Cache-Control"] == "no-store"
    assert app.test_client().get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.2"}).status_code != 429


def test_requests_for_no_scope_do_not_count_for_the_limit_of_a_key(make_limited):
    app = make_limited(rate_limit="1/hour")
    public = [path.replace("{file}", "start.js") for _, path, view in views(app) if route_of(view).is_public]
    for path in (*public, "/nothing"):
        assert {ask(app, path=path).status_code for _ in range(3)} <= {200, 404}
    assert app.test_client().options("/verify").status_code == 200
    assert ask(app).status_code == 200


def test_the_document_says_which_routes_are_limited(app):
    paths = app.test_client().get("/openapi.json").json["paths"]
    for method, path, view in views(app):
        if route_of(view).in_document:
            operation = paths[path][method.lower()]
            assert ("429" in operation["responses"]) == (not route_of(view).is_probe)
    of_verify = paths["/verify"]["post"]["description"]
    assert "`rate_limited`" in of_verify
    assert "`person_locked`" in of_verify


def test_by_default_nobody_is_limited(make_app):
    app = make_app()
    answers = [ask(app) for _ in range(300)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers


def test_processes_on_one_database_share_a_limit_however_many_ask_at_once(make_app):
    apps = [make_app(rate_limit="10/hour", rate_limit_storage="database", api_keys=(KEY,)) for _ in range(2)]
    statuses = []

    def send(app):
        statuses.extend(ask(app).status_code for _ in range(4))

    threads = [threading.Thread(target=send, args=(app,)) for app in apps * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(statuses) == [200] * 10 + [429] * 22


class TestWrongKeys:
    """Ten a minute and address are told so; the next are told nothing."""

    def test_the_eleventh_of_an_address_is_refused_and_right_keys_are_not(self, make_limited):
        app = make_limited()
        for number in range(WRONG_KEYS.amount):
            assert_error(ask(app, key=wrong(number)), 401, "unauthorized")
        refused = ask(app, key=wrong(99))
        assert_error(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert [refused.headers[name] for name in HEADERS[:2]] == ["10", "0"]
        assert_error(ask(app, "192.0.2.2", key=wrong(99)), 401, "unauthorized")
        assert ask(app).status_code == 200

    def test_no_key_is_no_wrong_one_nor_is_one_without_the_scope(self, make_limited):
        app = make_limited()
        narrow = services_of(app).access.keys.create("x", [Scope.FIND])[1]
        for _ in range(WRONG_KEYS.amount + 1):
            assert_error(ask(app, key=""), 401, "unauthorized")
            assert_error(app.test_client().get("/persons"), 401, "unauthorized")
            assert_error(ask(app, key=narrow), 403, "forbidden")

    def test_count_together_in_all_processes_where_requests_do(self, make_app):
        apps = [make_app(rate_limit_storage="database", api_keys=(KEY,)) for _ in range(2)]
        statuses = [ask(apps[number % 2], key=wrong(number)).status_code for number in range(WRONG_KEYS.amount + 2)]
        assert statuses == [401] * 10 + [429] * 2

    def test_where_there_are_no_keys_none_is_wrong(self, make_app):
        app = make_app()
        assert {ask(app, key=wrong(number)).status_code for number in range(WRONG_KEYS.amount + 1)} == {200}


class TestTheAddress:
    """Nobody chooses it."""

    @pytest.mark.parametrize("forged", ["198.51.100.7", "198.51.100.7, 198.51.100.8", "", "nonsense"])
    def test_without_a_proxy_is_that_of_the_connection(self, make_app, forged):
        app = make_app(rate_limit_address="1/hour")
        headers = {"X-Forwarded-For": forged, "X-Real-IP": forged, "Forwarded": f"for={forged}"}
        assert [ask(app, **headers).status_code, ask(app).status_code] == [200, 429]

    def test_behind_proxies_is_what_the_outermost_trusted_one_saw(self, make_app):
        app = make_app(rate_limit_address="1/hour", trusted_proxies=1)
        assert ask(app, "10.0.0.1", **{"X-Forwarded-For": "203.0.113.1"}).status_code == 200
        assert ask(app, "10.0.0.2", **{"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}).status_code == 429
        assert ask(app, "10.0.0.1", **{"X-Forwarded-For": "203.0.113.2"}).status_code == 200
        two = make_app(rate_limit_address="1/hour", trusted_proxies=2)
        assert ask(two, "10.0.0.1", **{"X-Forwarded-For": "1.1.1.1, 203.0.113.1, 10.0.0.9"}).status_code == 200
        assert ask(two, "10.0.0.1", **{"X-Forwarded-For": "2.2.2.2, 203.0.113.1, 10.0.0.8"}).status_code == 429

    def test_of_ipv6_is_the_network_and_of_ipv4_in_ipv6_that_of_ipv4(self, make_app):
        app = make_app(rate_limit_address="1/hour")
        addresses = ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2")
        assert [ask(app, address).status_code for address in addresses] == [200, 429, 200, 200, 200]
        assert ask(app, "192.0.2.1").status_code == 429

    def test_that_is_none_is_counted_all_the_same(self, make_app):
        app = make_app(rate_limit_address="1/hour", trusted_proxies=1)
        headers = [{"X-Forwarded-For": text} for text in ("unknown", "_hidden", "x" * 5000)]
        assert [ask(app, **one).status_code for one in headers] == [200, 429, 429]


class TestADatabaseThatIsAway:
    """Whoever has a key of the setting does not notice, but that each process counts for itself."""

    AWAY = {
        "database_url": "postgresql://nobody@127.0.0.1:1/nothing",
        "rate_limit_storage": "database",
        "api_keys": (KEY,),
    }

    def test_refuses_nobody_and_limits_in_memory(self, make_app):
        app = make_app(**self.AWAY, rate_limit="5/hour", rate_limit_address="100/hour")
        statuses = []
        threads = [
            threading.Thread(target=lambda: statuses.append(ask(app, path="/find/indexes").status_code))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert set(statuses) <= {200, 429}
        assert 1 <= statuses.count(200) <= 5
        refused = ask(app, path="/find/indexes")
        assert (refused.status_code, refused.headers["RateLimit-Limit"]) == (429, "5")

    def test_has_wrong_keys_counted_in_memory(self, make_app, monkeypatch):
        app = make_app(rate_limit_storage="database", api_keys=(KEY,))
        monkeypatch.setattr(DatabaseStorage, "incr", away)
        statuses = [ask(app, key=wrong(number)).status_code for number in range(WRONG_KEYS.amount + 2)]
        assert statuses == [401] * 10 + [429] * 2

    def test_while_the_headers_are_written_fails_no_request(self, make_app, monkeypatch):
        app = make_app(rate_limit="5/hour", rate_limit_storage="database", api_keys=(KEY,))
        monkeypatch.setattr(DatabaseStorage, "get", away)
        answer = ask(app)
        assert (answer.status_code, answer.headers["RateLimit-Limit"]) == (200, "5")

    def test_that_is_back_counts_again(self, make_app, monkeypatch):
        monkeypatch.setattr(counters, "_AWAY_S", 0.2)
        app = make_app(rate_limit="2/hour", rate_limit_storage="database", api_keys=(KEY,))

        with monkeypatch.context() as patch:
            patch.setattr(DatabaseStorage, "incr", away)
            assert [ask(app).status_code for _ in range(3)] == [200, 200, 429]
        statuses = []
        while len(statuses) < 100_000 and statuses.count(200) < 2:
            statuses.append(ask(app).status_code)
        assert statuses.count(200) == 2
        assert ask(app).status_code == 429
