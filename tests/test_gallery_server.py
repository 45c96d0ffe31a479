"""The gallery behind the real server: workers that see each other's changes, workers and databases that are killed."""

import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager

import cv2
import numpy as np
import pytest
import requests
import sqlalchemy as sa

from tests.postgresql import in_files, new_database, running
from tests.serving import served, wait_for

CLIENTS = 8
KILLS = int(os.environ.get("GALLERY_KILLS", "2"))  # of a worker, on each database
RESTARTS = int(os.environ.get("GALLERY_RESTARTS", "1"))  # of PostgreSQL
OPERATIONS = int(os.environ.get("GALLERY_OPERATIONS", "48"))  # of all clients together
FACES_OF_PERSONS = (
    "SELECT persons.name, count(faces.id) FROM persons LEFT JOIN faces ON faces.person_id = persons.id GROUP BY 1"
)
WHOLE_IMAGE = {"detector_backend": "skip"}


def picture(number):
    """A picture like no other; the network makes an embedding of anything."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.imencode(".png", cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def post(url, route, number, headers=None, **options):
    data = WHOLE_IMAGE | options
    return requests.post(f"{url}/{route}", files={"img": picture(number)}, data=data, headers=headers, timeout=60)


def insisted(ask):
    """The answer, asked for again while it is 503: so it is where the disk is slow, and then nothing was changed."""
    for _ in range(10):
        answer = ask()
        if answer.status_code != 503:
            break
    return answer


def found(url, number):
    """The name of whoever is at no distance from the picture, or None."""
    answer = insisted(lambda: post(url, "identify", number, threshold=1e-5))
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()["result"]
    return next((match["name"] for match in face["matches"] if match["match"]), None)


def in_parallel(work):
    failures = []

    def run(client):
        try:
            work(client)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert failures == []


@pytest.fixture(scope="module")
def postgresql():
    with running() as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The settings of a service with a database of its own, and SQLAlchemy's URL of that."""
    if request.param == "sqlite":
        return {}, f"sqlite:///{tmp_path / 'data' / 'gallery.db'}"
    url = new_database(request.getfixturevalue("postgresql"))
    return {"DATABASE_URL": url}, sa.make_url(url).set(drivername="postgresql+psycopg")


@contextmanager
def asked(url):
    """Gives the rows of a statement, past the service."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield lambda statement: connection.execute(sa.text(statement)).all()


@pytest.mark.parametrize("workers", ["2"])
def test_what_one_worker_registers_or_forgets_every_other_knows_at_the_next_request(tmp_path, workers, database):
    with served(tmp_path, WORKERS=workers, **database[0]) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        for part in ("Dlib", "opencv"):
            while log.read_text().count(f'"part": "{part}", "state": "ready"') < int(workers):
                time.sleep(0.1)

        def work(client):
            rng = random.Random(client)
            there = set()  # what this client has registered and not forgotten
            for _ in range(OPERATIONS // CLIENTS):
                number = client * 1000 + rng.randrange(4)
                if number in there and rng.random() < 0.6:
                    (person,) = requests.get(f"{url}/persons", params={"name": f"p{number}."}, timeout=60).json()[
                        "persons"
                    ]
                    assert requests.delete(f"{url}/persons/{person['id']}", timeout=60).status_code == 200
                    there.discard(number)
                else:
                    answer = insisted(lambda: post(url, "register", number, name=f"p{number}."))  # noqa: B023
                    assert answer.status_code == 201, answer.text
                    there.add(number)
                assert found(url, number) == (f"p{number}." if number in there else None)

        in_parallel(work)


class Registrations:
    """Clients that register one face after the other, and know what was sent and what was acknowledged."""

    def __init__(self, url):
        self.url = url
        self.sent, self.acknowledged, self.statuses = {}, {}, Counter()
        self._stop = threading.Event()
        self._clients = [threading.Thread(target=self._work, args=(client,)) for client in range(CLIENTS)]
        for client in self._clients:
            client.start()

    def _work(self, client):
        number = client * 100_000
        while not self._stop.is_set():
            number += 1
            self.sent[number] = f"k{number}"
            try:
                answer = self.send(number)
            except requests.RequestException:
                self.statuses["none"] += 1
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                self.acknowledged[number] = answer.json()["id"]

    def send(self, number):
        return post(self.url, "register", number, {"Idempotency-Key": f"k{number}"}, name=f"p{number}.")

    def wait_for_another(self):
        """Return a moment after one more was acknowledged."""
        known, deadline = len(self.acknowledged), time.monotonic() + 120
        while len(self.acknowledged) <= known:
            assert time.monotonic() < deadline, "nothing is registered any more"
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))

    def stop(self):
        self._stop.set()
        for client in self._clients:
            client.join(60)

    def check(self, ask):
        """That nothing acknowledged is lost, and nothing is there by half; `ask` is for rows of the database."""
        faces = dict(ask(FACES_OF_PERSONS))
        for table in ("faces", "embeddings", "answers"):
            assert [tuple(row) for row in ask(f"SELECT count(*) FROM {table}")] == [(len(faces),)]
        assert set(faces.values()) == {1}
        assert {f"p{number}." for number in self.acknowledged} <= set(faces)
        for number in random.sample(sorted(self.acknowledged), min(40, len(self.acknowledged))):
            assert found(self.url, number) == f"p{number}."
        unanswered = sorted(set(self.sent) - set(self.acknowledged))
        assert unanswered
        for number in random.sample(unanswered, min(20, len(unanswered))):  # sent again each is there once
            again = self.send(number)
            assert again.status_code == 201
            assert requests.get(f"{self.url}/persons/{again.json()['person_id']}", timeout=60).json()["faces"] == 1


def test_a_kill_during_registrations_loses_nothing_acknowledged_and_leaves_nothing_half(tmp_path, database):
    settings, database_url = database
    with served(tmp_path, **settings) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        clients = Registrations(url)
        for kill in range(KILLS):
            wait_for(f"{url}/ready", alive=process)
            clients.wait_for_another()
            worker = re.findall(r"Booting worker with pid: (\d+)", log.read_text())[-1]
            os.kill(int(worker), signal.SIGKILL)
            while log.read_text().count("Booting worker") < kill + 2:
                time.sleep(0.05)
        clients.stop()
        wait_for(f"{url}/ready", alive=process)
        with asked(database_url) as ask:
            if "DATABASE_URL" not in settings:
                assert ask("PRAGMA integrity_check") == [("ok",)]
            clients.check(ask)


def test_a_restart_of_postgresql_loses_nothing_acknowledged_and_the_service_goes_on_by_itself(tmp_path):
    with running() as server, served(tmp_path, DATABASE_URL=server.url) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        clients = Registrations(url)
        for _ in range(RESTARTS):
            clients.wait_for_another()
            server.stop()
            assert requests.get(f"{url}/persons", timeout=20).status_code == 503
            server.start()
        clients.wait_for_another()
        with server.frozen():
            assert requests.get(f"{url}/persons", timeout=20).status_code == 503
        clients.wait_for_another()
        clients.stop()
        assert set(clients.statuses) == {201, 503}  # each request was answered
        assert log.read_text().count("Booting worker") == 1
        with asked(sa.make_url(server.url).set(drivername="postgresql+psycopg")) as ask:
            clients.check(ask)


def test_no_file_of_sqlite_and_no_line_of_the_log_keeps_the_forgotten(tmp_path):
    with served(tmp_path) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        database = tmp_path / "data" / "gallery.db"
        persons, pieces = set(), {}
        for number in range(50):
            answer = post(
                url, "register", number, name=f"p{number}.", store_crop="true", on_duplicate="merge", threshold="0.07"
            )
            assert answer.status_code == 201, answer.text
            persons.add(answer.json()["person_id"])
            with closing(sqlite3.connect(database)) as connection:
                ((embedding, crop),) = connection.execute(
                    "SELECT embedding, crop FROM faces JOIN embeddings ON face_id = id"
                    " ORDER BY faces.rowid DESC LIMIT 1"
                )
            for kind, content in (("face", embedding), ("crop", crop)):
                starts = range(0, len(content) - 63, (len(content) - 64) // 4)
                pieces |= {content[start : start + 64]: f"{kind} {number}" for start in starts}
        assert in_files(tmp_path, pieces) == set(pieces.values())  # the search finds them
        found(url, 0)
        for person in persons:
            assert requests.delete(f"{url}/persons/{person}", timeout=60).json()["bytes_gone"] is True
        assert found(url, 0) is None
        assert database.with_name("gallery.db.lock").exists()
        assert in_files(tmp_path, pieces) == set()
        assert not re.search(r"-?0\.\d{6,}, -?0\.\d{6,}", log.read_text())  # nor as numbers
