"""What gets out: all that a real server answered and logged under attack is searched for what it must not say."""

import base64
import json
import re
import sqlite3
from hashlib import sha256

import numpy as np
import pytest
import requests

from core.exceptions import InternalError
from tests import discretion
from tests.conftest import KEY, PROJECT
from tests.discretion import EMBEDDING, SHOWING, may_have_a_traceback
from tests.pictures import ALICE, ALICIA, Block, encoded, picture
from tests.security.bodies import HTTP, IN_FORMS, IN_JSON, TYPES
from tests.security.mutations import mutated, seeds
from tests.security.standins import FAILS_TO_DETECT, FAILS_TO_EMBED
from tests.security.test_bodies import answers_to
from tests.serving import served, wait_for
from tests.test_keys_server import keys

NAME = "leaks: answers and log after attacks of all kinds, with failing networks and a failing database"
INTERNAL = ("Traceback", "site-packages", 'File "', str(PROJECT))
SLICE = 24  # characters of base64
HEAD = 60  # characters that files of one kind and size have in common
UNKNOWN = "0" * 32
MIN_ANSWERS = 330  # beside those to damaged pictures; some of what is no HTTP is answered or not


def photograph(number, colour):
    """A face in grain that is no one else's, too faint for the fake engine to see."""
    pixels = picture(Block(colour))
    grain = np.random.default_rng(number).integers(0, 8, pixels.shape, np.uint8)
    return encoded(pixels + grain)


class Session:
    """One server under attack: what it was sent and must keep to itself, and all that it answered."""

    def __init__(self, url, token):
        self.url = url
        self.secrets = [KEY, token, token.split("_", 2)[2]]
        self.pictures = []
        self.answers = []  # (path, head and body)
        self.statuses = []
        self.embeddings = []

    def ask(self, method, path, headers=None, **arguments):
        head = {"X-API-Key": KEY} if headers is None else headers
        answer = requests.request(method, f"{self.url}{path}", headers=head, timeout=60, **arguments)
        self.answers.append((path, f"{answer.headers} {answer.content.decode('latin-1')}"))
        self.statuses.append(answer.status_code)
        return answer

    def show(self, path, photo, **options):
        """Send a picture in each way there is; the answer to the last."""
        self.pictures.append(photo)
        raw = {"X-API-Key": KEY, "Content-Type": "image/png"}
        self.ask("POST", path, raw, data=photo, params=options)
        self.ask("POST", path, files={"img": photo}, data=options)
        return self.ask("POST", path, json={"img": base64.b64encode(photo).decode(), **options})


def use(session):
    """Everything that a picture, an embedding or a key may be asked for."""
    photos = [photograph(number, colour) for number, colour in enumerate((ALICE, ALICIA))]
    for photo in photos:
        found = session.show(EMBEDDING, photo).json()["result"]
        session.embeddings += [face["embedding"] for face in found]
        face = session.show("/register", photo, name="canary", store_crop=True).json()
        session.pictures.append(session.ask("GET", f"/faces/{face['id']}/crop").content)
        for path in ("/extract", "/find", "/identify", "/recognize", "/quality", "/analyze"):
            session.show(path, photo)
        session.ask("POST", "/verify", json=dict.fromkeys(("img1", "img2"), base64.b64encode(photo).decode()))
    vector = session.embeddings[0]
    for body in (
        {"source_vector": vector, "target_vectors": session.embeddings},
        {"source_vector": vector[:3], "target_vectors": [vector]},
        {"source_vector": vector, "target_vectors": ["a", *vector]},
        {"img": vector, "target_vector": vector},
    ):
        session.ask("POST", "/compare", json=body)


def attack_everything(session, count):
    """Hostile requests, damaged pictures, keys where they do not belong, every path that can be read."""
    address = ("127.0.0.1", int(session.url.rpartition(":")[2]))
    for hostile in (*IN_JSON, *IN_FORMS, *TYPES, *HTTP):
        for head, body in answers_to(address, [hostile.sent], hangs_up=True):
            session.answers.append((hostile.name, head + body.decode("latin-1")))
    files = seeds()
    for number in range(count):
        session.ask("POST", EMBEDDING, files={"img": mutated(number, files)})
    paths = session.ask("GET", "/openapi.json").json()["paths"]
    for secret in session.secrets:
        session.ask("GET", f"/persons/{secret}", params={"name": secret})
        session.ask("GET", "/persons", {"Authorization": f"Bearer {secret}x", "Cookie": secret})
        session.ask("POST", "/extract", json={"img": secret, "color_face": secret})
        session.ask("GET", "/persons", {"Authorization": f"Bearer {secret}", "X-API-Key": KEY})
        session.ask("GET", "/persons", {"X-API-Key": secret})
    for path in paths:
        for headers in (None, {}):
            session.ask("GET", re.sub(r"{\w+}", UNKNOWN, path), headers)


def break_everything(session, database):
    """Failures of the networks, and of the database while it is given an embedding and a crop."""
    for number, colour in enumerate((FAILS_TO_DETECT, FAILS_TO_EMBED)):
        for path in (EMBEDDING, "/register", "/find"):
            session.show(path, photograph(100 + number, colour), **({"name": "b"} if path == "/register" else {}))
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TRIGGER broken BEFORE INSERT ON embeddings BEGIN SELECT RAISE(ABORT, 'broken'); END")
    connection.close()
    answer = session.show("/register", photograph(200, ALICE), name="canary", store_crop=True)
    assert answer.json()["error_code"] == InternalError.code


def attacked(folder, count, app="standins:faulty"):
    """How many answers there were, and what they and the log give away."""
    (folder / "photos" / "alice").mkdir(parents=True)
    (folder / "photos" / "alice" / "1.png").write_bytes(photograph(50, ALICE))
    token = keys(folder, "create", "the attacked", "--scope", "faces")
    settings = {"API_KEYS": KEY, "FACES_DB_PATH": "photos", "ALLOW_URLS": "false", "LOG_LEVEL": "DEBUG"}
    with served(folder, app=f"tests.security.{app}()", **settings) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        session = Session(url, token)
        use(session)
        attack_everything(session, count)
        break_everything(session, folder / "data" / "gallery.db")
        lines = log.read_text().splitlines()
    assert {200, 201, 400, 401, 403, 404, 422, 500} <= set(session.statuses)
    assert any("Traceback" in line for line in lines)
    return len(session.answers), list(leaks(session, lines, str(folder)))


def leaks(session, lines, folder):
    secret = [*session.secrets, *(sha256(text.encode()).hexdigest() for text in session.secrets)]
    internal = (*INTERNAL, folder)
    slices = {piece for photo in session.pictures for piece in windows(base64.b64encode(photo).decode()[HEAD:])}
    raw = [photo[100:120] for photo in session.pictures]
    raw = [as_text for piece in raw for as_text in (piece.decode("latin-1"), json.dumps(repr(piece)[2:-1])[1:-1])]
    numbers = {repr(number)[:12] for embedding in session.embeddings for number in embedding}
    told = [(path, text, True) for path, text in session.answers]
    told += [("log", line, not may_have_a_traceback(line)) for line in lines]
    for place, text, hides_internals in told:
        for needle in (*secret, *(internal if hides_internals else ())):
            if needle in text:
                yield f"{place}: {needle}"
        if not place.endswith(SHOWING):
            if any(slices & set(windows(run)) for run in re.findall(rf"[A-Za-z0-9+/]{{{SLICE},}}", text)):
                yield f"{place}: a picture as base64"
            if any(piece in text for piece in raw):
                yield f"{place}: a picture"
        if place != EMBEDDING and numbers & {number[:12] for number in re.findall(r"-?\d+\.\d{6,}", text)}:
            yield f"{place}: an embedding"


def windows(text):
    return (text[start : start + SLICE] for start in range(len(text) - SLICE + 1))


def test_neither_answers_nor_log_tell_what_is_to_be_kept(tmp_path, attack, cases):
    pictures = cases(50, 1000)
    answers, told = attacked(tmp_path, pictures)
    assert answers >= MIN_ANSWERS + pictures
    attack(NAME, MIN_ANSWERS + pictures, told)


@pytest.fixture
def told(tmp_path):
    return attacked(tmp_path, 5, "weakened:telling")[1]


def test_a_service_that_tells_is_noticed(told, attack, tmp_path):
    attack(NAME, 0, told, twin=True)
    kinds = {breach.partition(": ")[2] for breach in told}
    assert {KEY, "Traceback", "a picture as base64", "a picture", "an embedding"} <= kinds
    # And by what listens in every suite, which knows neither the pictures nor the embeddings.
    attack(NAME, 0, discretion.overheard, twin=True, noticing=["tells internals"])
    in_log = list(discretion.told_by_log((tmp_path / "log").read_text(errors="replace")))
    attack(NAME, 0, in_log, twin=True, noticing=["tells a secret", "tells a picture", "tells an embedding"])
