"""Two services, each with its own DATA_PATH, on one PostgreSQL; with a Redis server and behind nginx, if installed."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import yaml

from tests import postgresql
from tests import redis as redis_server
from tests.conftest import KEY, PROJECT
from tests.pictures import ALICE, BOB, photo
from tests.serving import served, wait_for
from tests.test_nginx import fronted

APP = "tests.security.standins:observed()"
MISSES = 3
REQUESTS = 40  # a minute
REVOKED_S = 5  # as docs/how-to/access.md promises
PATIENCE_S = 30

needs_redis = pytest.mark.skipif(not redis_server.PROGRAM, reason="redis-server is not installed")
needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


class Replicas:
    """Both services with their folders; `settings` are theirs, and those of the commands, which have a third one."""

    def __init__(self, urls, settings, folders):
        self.urls = urls
        self.folders = folders[:2]
        self._settings = settings
        self._folder = folders[2]

    def command(self, *arguments):
        """What a command says that ends well."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "DATA_PATH": str(self._folder)}
        command = [sys.executable, "-m", "api.cli", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=environment | self._settings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key(self, *scopes):
        """The token of a new API key, and its ID."""
        token = self.command("keys", "create", "test", *(f"--scope={scope}" for scope in scopes)).strip()
        return token, token.split("_")[1]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """Both services, before anybody has made the schema."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two", "command")]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgresql.running())
        storage = stack.enter_context(redis_server.running(folders[2])) if redis_server.PROGRAM else "database"
        settings = {
            "DATABASE_URL": postgresql.new_database(server.url),
            "RATE_LIMIT_STORAGE": storage,
            "RATE_LIMIT": f"{REQUESTS}/minute",
            "AUTO_MIGRATE": "false",
            "API_KEYS": KEY,
            "PERSON_LOCK_MISSES": str(MISSES),
            "PERSON_LOCK_S": "600",
            "DEFAULT_DETECTOR": "opencv",
            "TRUSTED_PROXIES": "1",
        }
        urls = [stack.enter_context(served(folder, app=APP, **settings))[0] for folder in folders[:2]]
        yield Replicas(urls, settings, folders)


@pytest.fixture(scope="module")
def ready(replicas):
    """Both services, after `db upgrade`."""
    said = []
    for url in replicas.urls:
        wait_for(f"{url}/health")
        said.append(wait_for(f"{url}/ready", status=503).json())
        # Asking for the gallery does not make the schema either.
        refused = requests.get(f"{url}/persons", headers={"X-API-Key": KEY}, timeout=30)
        assert refused.status_code == 503
    replicas.command("db", "upgrade")
    for url in replicas.urls:
        wait_for(f"{url}/ready")
    replicas.said_before = said
    return replicas


def headers(token):
    return {"X-API-Key": token}


def register(url, colour, name, token):
    answer = requests.post(
        f"{url}/register", files={"img": photo(colour)}, data={"name": name}, headers=headers(token), timeout=30
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["person_id"]


def identified(url, colour, token):
    answer = requests.post(f"{url}/identify", files={"img": photo(colour)}, headers=headers(token), timeout=30)
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()["result"]
    return next((match["name"] for match in face["matches"] if match["match"]), None)


def forget(url, person, token):
    answer = requests.delete(f"{url}/persons/{person}", headers=headers(token), timeout=30)
    assert answer.status_code == 200, answer.text


def test_replicas_never_make_the_schema_and_say_so_until_somebody_does(ready):
    for said in ready.said_before:
        (store,) = (part for part in said["details"]["parts"] if part["name"] == "store")
        assert store["state"] == "unavailable"
        assert store["message"] == (
            "The database has no schema yet, and AUTO_MIGRATE=false. Run: face-service db upgrade"
        )


def test_a_person_registered_at_one_is_identified_at_the_other_at_once(ready):
    token, _ = ready.key("gallery:write", "gallery:read")
    one, other = ready.urls
    for here, there in ((one, other), (other, one), (one, other)):
        alice = register(here, ALICE, "Alice", token)
        assert identified(there, ALICE, token) == "Alice"
        forget(there, alice, token)
        assert identified(here, ALICE, token) is None


def test_a_new_key_is_known_and_a_revoked_one_refused_at_both(ready):
    token, number = ready.key("gallery:read")
    for url in ready.urls:
        assert requests.get(f"{url}/persons", headers=headers(token), timeout=30).status_code == 200
    ready.command("keys", "revoke", number)
    time.sleep(REVOKED_S)
    for url in ready.urls:
        assert requests.get(f"{url}/persons", headers=headers(token), timeout=30).status_code == 401


def test_a_person_that_is_locked_at_one_is_locked_at_the_other(ready):
    token, _ = ready.key("faces", "gallery:write", "gallery:read")
    one, other = ready.urls
    bob = register(one, BOB, "Bob", token)

    def verify(url, colour):
        data = {"person_id": bob}
        return requests.post(
            f"{url}/verify", files={"img1": photo(colour)}, data=data, headers=headers(token), timeout=30
        )

    try:
        for number in range(MISSES):
            assert verify(ready.urls[number % 2], ALICE).json()["verified"] is False
        for url in (one, other):
            assert (verify(url, BOB).status_code, verify(url, BOB).json()["error_code"]) == (429, "person_locked")
    finally:
        forget(other, bob, token)


@needs_redis
def test_requests_are_counted_over_both_in_redis(ready):
    token, _ = ready.key("gallery:read")
    statuses = []
    for number in range(REQUESTS + 6):
        answer = requests.get(f"{ready.urls[number % 2]}/persons", headers=headers(token), timeout=30)
        statuses.append(answer.status_code)
    assert Counter(statuses) == {200: REQUESTS, 429: 6}
    assert statuses[:REQUESTS] == [200] * REQUESTS


def test_the_audit_trail_is_one_chain_of_what_both_did(ready):
    token, _ = ready.key("gallery:write", "gallery:read", "admin")

    def live(number):
        forget(ready.urls[1 - number % 2], register(ready.urls[number % 2], ALICE, f"person {number}", token), token)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(live, range(12)))
    deadline = time.monotonic() + PATIENCE_S
    while " 0 not sealed yet" not in (said := ready.command("audit", "verify")):
        assert time.monotonic() < deadline, said
        time.sleep(0.5)
    events = requests.get(f"{ready.urls[0]}/audit?action=forget&limit=1000", headers=headers(token), timeout=30).json()
    persons = [event["person_id"] for event in events["events"]]
    assert len(persons) >= 12
    # Each machine logs what it has deleted.
    logged = [(folder / "data" / "forgets.log").read_text() for folder in ready.folders]
    assert all(sum(person in log for log in logged) == 1 for person in persons)


@needs_nginx
def test_nginx_of_the_compose_file_spreads_requests_over_both(ready, tmp_path):
    compose = yaml.safe_load((PROJECT / "docker-compose.postgres.yml").read_text())["services"]["nginx"]
    assert "s/server 127.0.0.1:5000;/server api:5000; server api2:5000;/" in compose["command"][2]
    one, other = (url.removeprefix("http://") for url in ready.urls)
    token, _ = ready.key("gallery:write", "gallery:read")
    with fronted(tmp_path, f"{one}; server {other}") as url:
        alice = register(url, ALICE, "Alice", token)
        assert {identified(url, ALICE, token) for _ in range(6)} == {"Alice"}
        forget(url, alice, token)
        assert {identified(url, ALICE, token) for _ in range(6)} == {None}
    for folder in ready.folders:
        assert '"route": "/identify"' in (folder / "log").read_text()
