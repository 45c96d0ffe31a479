"""Asking for more than the scopes of an API key allow."""

import json
import os
import re

import numpy as np
import pytest
from typing_extensions import override

from api.context import services_of
from core.images import sources
from core.scopes import Scope
from services.gallery import answers, identification, registration
from tests.api.v1.test_gallery import register, text
from tests.conftest import KEY
from tests.fakes import FakeEngine
from tests.pictures import ALICE, ALICIA, BOB, Colour, write_photo

COMPUTING = "scopes: probes to compute stored embeddings without `embeddings`, 129 by each of 7 ways"
READING = "scopes: photos of the folder read or found out without `find`"
IDENTIFYING = "scopes: ways to identify persons with `gallery:write` alone, person by person"

# Far apart for the fake engine, as (blue, green, red).
KNOWN: list[Colour] = [(224, 32, 96), (32, 224, 96), (96, 32, 224), (224, 224, 64)]
STRANGER: Colour = (128, 128, 192)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def app(make_app):
    return make_app(api_keys=(KEY,))


@pytest.fixture
def client_of(app):
    """A client with a new key of these scopes."""

    def client_of(*scopes, **options):
        client = app.test_client()
        client.environ_base["HTTP_X_API_KEY"] = services_of(app).access.keys.create("a test", scopes, **options)[1]
        return client

    return client_of


@pytest.fixture
def operator(client_of):
    return client_of(*Scope)


class Person:
    """A registered person, and what only `gallery:read` may tell."""

    def __init__(self, operator, number, colour):
        self.colour = colour
        self.collection = f"c{number}"
        self.name = f"Known Person {number}"
        kept = register(
            operator,
            colour,
            self.name,
            collection=self.collection,
            labels={"team": f"label-of-{number}"},
            metadata={"note": f"metadata-of-{number}"},
            retain_until=f"{2100 + number}-02-03T04:05:06Z",
        )
        self.id, self.face_id = kept["person_id"], kept["id"]
        self.secrets = (
            self.name,
            f"label-of-{number}",
            f"metadata-of-{number}",
            f"{2100 + number}-02-03",
            self.id,
            self.face_id,
            '"distance"',
        )


# How to learn who a face belongs to, or what a person is like, by routes of `gallery:write`. Each gives the requests
# (method, path, body) one after the other; `{id}` is the `id` of the answer before.
def _face(person, **options):
    return "POST", "/register", {"img": text(person.colour), "collection": person.collection, **options}


WAYS = {
    "reject": lambda p, _: [_face(p, name="X", on_duplicate="reject")],
    "reject for a stranger": lambda p, stranger: [_face(p, person_id=stranger, on_duplicate="reject")],
    "merge": lambda p, _: [_face(p, name="X", on_duplicate="merge")],
    "merge for a stranger": lambda p, stranger: [_face(p, person_id=stranger, on_duplicate="merge")],
    "receipt of a merged face": lambda p, _: [
        _face(p, name="X", on_duplicate="merge"),
        ("DELETE", "/faces/{id}", None),
    ],
    "merged face forgotten": lambda p, _: [
        _face(p, name="X", on_duplicate="merge"),
        ("POST", "/forget", {"id": "{id}"}),
    ],
    "sent again": lambda p, _: 2 * [_face(p, name="X", on_duplicate="merge")],
    "empty change": lambda p, _: [("PATCH", f"/persons/{p.id}", {})],
    "change of null": lambda p, _: [("PATCH", f"/persons/{p.id}", {"name": None, "labels": None})],
    "change of a label": lambda p, _: [("PATCH", f"/persons/{p.id}", {"labels": {"a": "b"}})],
    "added face": lambda p, _: [_face(p, person_id=p.id)],
    "merge into the person": lambda p, stranger: [
        ("POST", f"/persons/{p.id}/merge", {"person_ids": [stranger], "retain_until": None})
    ],
    "merge of the person": lambda p, stranger: [
        ("POST", f"/persons/{stranger}/merge", {"person_ids": [p.id], "retain_until": None})
    ],
    "empty change of a face": lambda p, _: [("PATCH", f"/faces/{p.face_id}", {})],
    "face set aside": lambda p, _: [("PATCH", f"/faces/{p.face_id}", {"set_aside": True})],
    "taken name": lambda p, stranger: [("PATCH", f"/persons/{stranger}", {"name": p.name})],
    "collection": lambda p, _: [("POST", "/collections", {"name": p.collection})],
    "collection with persons": lambda p, _: [("DELETE", f"/collections/{p.collection}", None)],
}


def identified(operator, attacker):
    """How often it was tried, and what was told that the request did not say itself."""
    tries, breaches = 0, []
    for number, (way, requests) in enumerate(WAYS.items()):
        for place, colour in enumerate(KNOWN):
            person = Person(operator, 10 * number + place, colour)
            stranger = register(operator, STRANGER, "Stranger", collection=person.collection)["person_id"]
            last = ""
            for method, path, body in requests(person, stranger):
                said = repr((path, body))
                sent = None if body is None else {k: last if v == "{id}" else v for k, v in body.items()}
                headers = {"Idempotency-Key": "1"} if path == "/register" else None
                answer = attacker.open(path.format(id=last), method=method, json=sent, headers=headers)
                assert answer.status_code in (200, 201, 204, 409), answer.text
                last = (answer.json or {}).get("id", "")
                heard = f"{answer.headers} {answer.text}"
                breaches += [f"{way}: {secret}" for secret in person.secrets if secret in heard and secret not in said]
                tries += 1
    return tries, breaches


def test_who_may_only_write_is_told_of_nobody(operator, client_of, attack):
    attack(IDENTIFYING, *identified(operator, client_of(Scope.GALLERY_WRITE)))


@pytest.mark.parametrize(
    ("room", "noticing"),
    [
        (registration, ["reject: Known Person", 'reject: "distance"']),
        (answers, ["merge: Known Person", "empty change: Known Person", "empty change: label-of", "change: metadata"]),
    ],
    ids=["refusals", "answers"],
)
def test_a_service_that_tells_whoever_writes_is_noticed(operator, client_of, attack, monkeypatch, room, noticing):
    monkeypatch.setattr(room, "is_granted", lambda _: True)
    breaches = identified(operator, client_of(Scope.GALLERY_WRITE))[1]
    if room is answers:
        assert any(UUID.search(breach) for breach in breaches if breach.startswith("receipt of a merged face"))
    attack(IDENTIFYING, 0, breaches, twin=True, noticing=noticing)


class FullEngine(FakeEngine):
    """Its embeddings have no numbers that are 0."""

    @override
    def embed(self, crops, **options):
        colours = super().embed(crops, **options)
        return colours / 255 + np.random.default_rng(int(colours.sum())).random(colours.shape)


@pytest.fixture
def engine():
    return FullEngine()


def _probe(path, **options):
    """Asks how far a vector is from the stored faces, by a body of JSON."""
    return lambda vector: {"path": path, "json": {"embedding": vector, **options}}


def _form(path, kind, **options):
    """The same by a form."""
    return lambda vector: {
        "path": path,
        "data": {"embedding": json.dumps(vector), **options},
        "content_type": kind,
    }


SPACE = {"model_name": "Dlib", "distance_metric": "euclidean"}
VECTORS = {
    "identify": _probe("/identify", **SPACE),
    "identify below the prefix": _probe("/api/v1/identify", **SPACE),
    "identify by form": _form("/identify", "application/x-www-form-urlencoded", **SPACE),
    "identify by multipart": _form("/identify", "multipart/form-data", **SPACE),
    "recognize": _probe("/recognize", **SPACE),
    "find": _probe("/find", **SPACE, similarity_search=True),
    "verify": lambda vector: {"path": "/verify", "json": {"embedding": vector, "person_id": "{person}", **SPACE}},
}


def computed(operator, attacker):
    """How many probes were sent, and by which ways the distances gave the stored embedding."""
    kept = register(operator, ALICE, "Alice", model_name="Dlib")
    represented = operator.post("/represent", json={"img": text(ALICE), "model_name": "Dlib"})
    stored = np.float32(represented.json["result"][0]["embedding"]).astype(np.float64)
    probes = np.vstack([np.zeros(len(stored)), np.eye(len(stored))])
    breaches = []
    for name, way in VECTORS.items():
        squares = []
        for probe in probes.tolist():
            request = way(probe)
            if "json" in request:
                request["json"] = {k: kept["person_id"] if v == "{person}" else v for k, v in request["json"].items()}
            answer = attacker.post(**request)
            told = re.search(r'"distance": ?([0-9.]+)', answer.text)
            squares.append(float(told[1]) ** 2 if told else np.nan)
            assert answer.status_code in (200, 403, 422), answer.text
        if not np.isnan(squares).all():
            guess = (squares[0] - np.array(squares[1:]) + 1) / 2
            alike = guess @ stored / np.linalg.norm(guess) / np.linalg.norm(stored)
            breaches.append(f"{name}: cosine {alike:.5f}")
    return len(probes) * len(VECTORS), breaches


def test_stored_embeddings_cannot_be_computed_from_distances_of_vectors(operator, client_of, attack):
    attack(COMPUTING, *computed(operator, client_of(*(set(Scope) - {Scope.EMBEDDINGS}))))


def test_a_service_that_compares_vectors_for_everybody_is_noticed(operator, client_of, attack, monkeypatch):
    monkeypatch.setattr(identification, "require", lambda _: None)
    breaches = computed(operator, client_of(Scope.GALLERY_READ, Scope.FACES, Scope.FIND))[1]
    ways = ("identify", "identify below the prefix", "identify by form", "identify by multipart")
    attack(COMPUTING, 0, breaches, twin=True, noticing=[f"{way}: cosine 1.00000" for way in ways])


def test_who_has_the_scope_may_compare_vectors(operator, client_of):
    register(operator, ALICE, "Alice", model_name="Dlib")
    client = client_of(Scope.GALLERY_READ, Scope.EMBEDDINGS)
    for path in ("/identify", "/recognize"):
        assert client.post(path, json={"embedding": [1.0] * 128, "model_name": "Dlib"}).status_code == 200


# Where the folder of photos and that of other images lie, below the folder of the test.
LAYOUTS = {
    "apart": ("photos", "images"),
    "images among the photos": ("photos", "photos/images"),
    "photos among the images": ("images/photos", "images"),
    "one for both": ("photos", "photos"),
    "photos by a link": ("link", "images"),
    "images by a link, among the photos": ("photos", "link"),
}
# How a photo may be named. `{photos}` and `{images}` are the folders, `{way}` leads from the second to the first.
NAMES = {
    "absolute": "{photos}/people/{name}",
    "absolute with dots": "{photos}/./people//../people/{name}",
    "relative": "people/{name}",
    "from the images": "{way}/people/{name}",
    "absolute from the images": "{images}/{way}/people/{name}",
    "link to the folder": "to folder/people/{name}",
}
OPTIONS = {"detector_backend": "skip", "enforce_detection": False}
FRAMES = "/api/v1/register"
READERS = {
    "/extract": lambda source: {"img": source},
    "/represent": lambda source: {"img": source},
    "/analyze": lambda source: {"img": source},
    "/quality": lambda source: {"img": source},
    "/verify": lambda source: {"img1": source, "img2": text(ALICE), "threshold": 1},
    "/api/v1/verify": lambda source: {"img1": text(ALICE), "img2": source, "threshold": 1},
    "/compare": lambda source: {"img": source, "target_vector": [1.0] * 4096, "threshold": 1},
    "/register": lambda source: {"img": source, "name": "X"},
    "/identify": lambda source: {"img": source, "threshold": 1},
    "/recognize": lambda source: {"img": source, "threshold": 1},
    FRAMES: lambda source: {"frames": [text(ALICE), source], "name": "X", "threshold": 0.01},
}


def lay_out(folder, layout):
    """The two folders, each with a picture of its own, and what the names above stand for."""
    photos, images = (f"{folder}/{name}" for name in LAYOUTS[layout])
    os.makedirs(folder)
    if layout == "photos by a link":
        os.symlink("images/real photos", photos)
        os.makedirs(folder / "images" / "real photos")
    if layout == "images by a link, among the photos":
        os.symlink("photos/images", images)
        os.makedirs(folder / "photos" / "images")
    write_photo(type(folder)(photos) / "people" / "there.png", BOB)
    write_photo(type(folder)(images) / "free" / "there.png", ALICIA)
    way = os.path.relpath(os.path.realpath(photos), os.path.realpath(images))
    os.symlink(way, f"{images}/to folder")
    return {"photos": photos, "images": images, "way": way}


def read_without_find(make_app, folder):
    """How often a photo was asked for, and what was read or told apart from a photo that is not there."""
    tries, breaches = 0, []
    for number, layout in enumerate(LAYOUTS):
        place = lay_out(folder / str(number), layout)
        app = make_app(api_keys=(KEY,), faces_db_path=place["photos"], images_path=place["images"])
        client = app.test_client()
        scopes = set(Scope) - {Scope.FIND}
        client.environ_base["HTTP_X_API_KEY"] = services_of(app).access.keys.create("a test", scopes)[1]
        for name, template in NAMES.items():
            for path, body in READERS.items():
                answers = []
                for file in ("there.png", "missing.png"):
                    answer = client.post(path, json=body(template.format(name=file, **place)) | OPTIONS)
                    answers.append((answer.status_code, answer.json.get("error_code"), answer.json.get("message")))
                    tries += 1
                if answers[0][0] < 300:
                    breaches.append(f"{layout}, {name}: {path} read it")
                elif answers[0] != answers[1]:
                    breaches.append(f"{layout}, {name}: {path} told that it is there")
        if layout in ("apart", "photos among the images", "photos by a link"):
            for source in ("free/there.png", f"{place['images']}/free/there.png"):
                assert client.post("/extract", json={"img": source, **OPTIONS}).status_code == 200, layout
    return tries, breaches


def test_without_find_no_photo_is_read_or_found_out(make_app, attack, tmp_path):
    attack(READING, *read_without_find(make_app, tmp_path / "laid out"))


def test_a_service_that_reads_photos_for_everybody_is_noticed(make_app, attack, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "is_granted", lambda _: True)
    breaches = read_without_find(make_app, tmp_path / "laid out")[1]
    noticing = [f"{layout}, absolute: {path} read it" for layout in LAYOUTS for path in READERS if path != FRAMES]
    noticing += [f"{layout}, absolute: {FRAMES} told that it is there" for layout in LAYOUTS]  # of another person
    attack(READING, 0, breaches, twin=True, noticing=noticing)


def test_a_service_that_leaves_out_one_of_the_two_folders_is_noticed(make_app, attack, monkeypatch, tmp_path):
    opened = sources.open_beneath
    monkeypatch.setattr(sources, "open_beneath", lambda root, path, closed: opened(root, path))
    breaches = read_without_find(make_app, tmp_path / "laid out")[1]
    noticing = [
        "photos among the images, from the images: /extract read it",
        "photos among the images, link to the folder: /extract read it",
        "photos by a link, link to the folder: /extract read it",
    ]
    attack(READING, 0, breaches, twin=True, noticing=noticing)
