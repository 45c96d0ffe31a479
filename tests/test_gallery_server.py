"""The gallery behind the real server: workers that see each other's changes, and workers that are killed."""

import os
import random
import re
import signal
import sqlite3
import threading
import time
from contextlib import suppress

import cv2
import numpy as np
import pytest
import requests

from tests.test_server import served, wait_for

CLIENTS = 8
KILLS = int(os.environ.get("GALLERY_KILLS", "6"))
ROUNDS = 8
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


def found(url, number):
    """The name of whoever is at no distance from the picture, or None."""
    answer = post(url, "identify", number, threshold=1e-5)
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


@pytest.mark.parametrize("workers", ["2"])
def test_what_one_worker_registers_or_forgets_every_other_knows_at_the_next_request(tmp_path, workers):
    with served(tmp_path, WORKERS=workers) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        while log.read_text().count('"part": "Dlib", "state": "ready"') < int(workers):
            time.sleep(0.1)

        def work(client):
            rng = random.Random(client)
            there = set()  # what this client has registered and not forgotten
            for _ in range(ROUNDS):
                number = client * 1000 + rng.randrange(4)
                if number in there and rng.random() < 0.6:
                    (person,) = requests.get(f"{url}/persons", params={"name": f"p{number}."}, timeout=60).json()[
                        "persons"
                    ]
                    assert requests.delete(f"{url}/persons/{person['id']}", timeout=60).status_code == 200
                    there.discard(number)
                else:
                    assert post(url, "register", number, name=f"p{number}.").status_code == 201
                    there.add(number)
                assert found(url, number) == (f"p{number}." if number in there else None)

        in_parallel(work)


def test_a_kill_during_registrations_loses_nothing_acknowledged_and_leaves_nothing_half(tmp_path):
    acknowledged, sent = {}, {}
    with served(tmp_path) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        stop = threading.Event()

        def work(client):
            number = client * 100_000
            while not stop.is_set():
                number += 1
                sent[number] = f"k{number}"
                with suppress(requests.RequestException):
                    answer = post(url, "register", number, {"Idempotency-Key": f"k{number}"}, name=f"p{number}.")
                    if answer.status_code == 201:
                        acknowledged[number] = answer.json()["id"]

        clients = [threading.Thread(target=work, args=(client,)) for client in range(CLIENTS)]
        for client in clients:
            client.start()
        rng = random.Random(0)
        for kill in range(KILLS):
            wait_for(f"{url}/ready", alive=process)
            known = len(acknowledged)
            while len(acknowledged) <= known:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.3))
            worker = re.findall(r"Booting worker with pid: (\d+)", log.read_text())[-1]
            os.kill(int(worker), signal.SIGKILL)
            while log.read_text().count("Booting worker") < kill + 2:
                time.sleep(0.05)
        stop.set()
        for client in clients:
            client.join(60)
        wait_for(f"{url}/ready", alive=process)
        with sqlite3.connect(tmp_path / "data" / "gallery.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            faces = dict(database.execute(FACES_OF_PERSONS))
            assert database.execute("SELECT count(*) FROM faces").fetchone() == (len(faces),)
            assert database.execute("SELECT count(*) FROM answers").fetchone() == (len(faces),)
        database.close()
        assert set(faces.values()) == {1}
        assert {f"p{number}." for number in acknowledged} <= set(faces)
        for number in rng.sample(sorted(acknowledged), min(40, len(acknowledged))):
            assert found(url, number) == f"p{number}."
        unanswered = sorted(set(sent) - set(acknowledged))
        for number in unanswered[:20]:  # sent again each is answered, and there once
            again = post(url, "register", number, {"Idempotency-Key": f"k{number}"}, name=f"p{number}.")
            assert again.status_code == 201
            assert requests.get(f"{url}/persons/{again.json()['person_id']}", timeout=60).json()["faces"] == 1
        assert unanswered
