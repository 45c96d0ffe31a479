"""Pages of other sites: what they make a browser send, and names that they point at the service."""

from itertools import product

from api.middleware import foreign_pages
from api.views import views
from tests.api.v1.test_gallery import UNKNOWN, text
from tests.conftest import KEY
from tests.pictures import ALICE, photo

SENT = "foreign pages: requests that change something, in every form that needs no preflight"
REBOUND = "foreign pages: host names that another site's name server points here, without keys"
PAGES = (
    {"Origin": "https://evil.net"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://localhost.evil.net"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},  # the service has another port
    {"Sec-Fetch-Site": "cross-site"},
)
BODIES = (
    {"data": {"img": (photo(ALICE), "a.png"), "name": "Eve"}, "content_type": "multipart/form-data"},
    {"data": {"img": text(ALICE), "name": "Eve"}, "content_type": "application/x-www-form-urlencoded"},
    {"data": photo(ALICE), "content_type": "text/plain"},
    {"data": photo(ALICE), "content_type": "image/png", "query_string": {"name": "Eve"}},
    {"json": {"img": text(ALICE), "name": "Eve"}},
    {"json": {"name": "Eve"}},
)
NAMES = (
    "evil.net", "evil.net:5000", "EVIL.NET.", "127.0.0.1.evil.net", "localhost.evil.net:5000", "localhost@evil.net",
    "a.localhost", "2130706433", "xn--80ak6aa92e.com", "api",
)  # fmt: skip
HERE = "localhost:5000"
PROBES = ("/health", "/ready")


def targets(app):
    """Every route that changes something or takes a body."""
    return [(method, path.replace("{person_id}", UNKNOWN)) for method, path, _ in views(app) if method != "GET"]


def sent(app, count):
    """How often it was tried, and what was not refused; the gallery must be empty in the end."""
    client, breaches = app.test_client(), []
    ways = [(*target, body, page) for target, body, page in product(targets(app), BODIES, PAGES)]
    for number in range(count):
        method, path, body, page = ways[number * len(ways) // count]
        prefix = "/api/v1" if number % 2 else ""
        answer = client.open(prefix + path, method=method, headers=page | {"Host": HERE}, **body)
        if answer.status_code != 403:
            breaches.append(f"{method} {path} {body.get('content_type')} {page}: {answer.status_code}")
    if persons := client.get("/persons", headers={"Host": HERE, "X-API-Key": KEY}).json["persons"]:
        breaches.append(f"{len(persons)} persons registered")
    return count, breaches


def rebound(app, count):
    """How often it was tried, and what was answered."""
    client, breaches = app.test_client(), []
    ways = [(method, path, host) for (method, path, _), host in product(views(app), NAMES) if path not in PROBES]
    for number in range(count):
        method, path, host = ways[number * len(ways) // count]
        own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        answer = client.open(path.replace("{file}", "start.js"), method=method, headers=own)
        if answer.status_code != 403:
            breaches.append(f"{method} {path} of {host}: {answer.status_code}")
    return count, breaches


def test_a_foreign_page_changes_nothing(make_app, attack):
    without = sent(make_app(), 300)
    with_keys = sent(make_app(api_keys=(KEY,)), 300)
    attack(SENT, without[0] + with_keys[0], without[1] + with_keys[1])


def test_a_service_that_believes_foreign_pages_is_noticed(make_app, attack, monkeypatch):
    monkeypatch.setattr(foreign_pages, "_is_foreign", lambda _: False)
    attack(SENT, 0, sent(make_app(), 300)[1], twin=True, noticing=["POST /register multipart", "persons registered"])


def test_a_foreign_name_leads_nowhere(make_app, attack):
    attack(REBOUND, *rebound(make_app(), 300))


def test_a_service_that_answers_every_name_is_noticed(make_app, attack, monkeypatch):
    monkeypatch.setattr(foreign_pages, "_is_own_host", lambda _: True)
    attack(REBOUND, 0, rebound(make_app(), 300)[1], twin=True, noticing=["GET /persons of", "of api: 200"])
