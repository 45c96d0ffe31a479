"""Every set of scopes on every route: who is answered, who is refused, and what an answer may hold."""

import io
import itertools
import json

import pytest

import core.scopes
from api import endpoint
from api.context import services_of
from api.door import doors_of
from api.route import route_of
from api.views import door_views, views
from core.scopes import Scope
from services.find.photo_files import photo_id_of
from services.gallery import answers, registration
from tests.api.v1.test_gallery import UNKNOWN, register, text
from tests.conftest import KEY
from tests.pictures import ALICE, BOB, write_photo
from tests.pictures import photo as picture_of

NAME = "scopes: every set of them on every route, in one collection and in all"

OPTIONS = {"detector_backend": "skip", "enforce_detection": False}
READ, WRITE, FIND, EMBEDDINGS = Scope.GALLERY_READ, Scope.GALLERY_WRITE, Scope.FIND, Scope.EMBEDDINGS


class World:
    """Two persons of a collection, and what the service knows that a key may not."""

    def __init__(self, operator, number, collection):
        self.collection = collection
        self.person = self._registered(operator, ALICE, number)
        self.other = self._registered(operator, BOB, number + 1)
        self.ids = [self.person["person_id"], self.person["id"], self.other["person_id"], self.other["id"]]
        self.secrets = {
            READ: [
                secret
                for one in (number, number + 1)
                for secret in (f"Name of {one}.", f"label of {one}.", f"metadata of {one}.", f"{2100 + one}-02-03")
            ]
            + self.ids,
            FIND: ["Folder of Photos"],
            Scope.ADMIN: [f"request-of-{number}"],
            Scope.FACES: ['"embedding"', '"face_base64"', '"dominant_emotion"'],
        }

    def _registered(self, operator, colour, number):
        return register(
            operator,
            colour,
            f"Name of {number}.",
            {"X-Request-Id": f"request-of-{number}"},
            collection=self.collection,
            labels={"team": f"label of {number}."},
            metadata={"note": f"metadata of {number}."},
            retain_until=f"{2100 + number}-02-03T04:05:06Z",
            store_crop=True,
        )


class Form(dict):
    """Fields of a multipart form, of which bytes are files."""

    def sent(self):
        return {
            name: (io.BytesIO(value), f"{name}.png") if isinstance(value, bytes) else value
            for name, value in self.items()
        }

    def texts(self):
        return {name: value for name, value in self.items() if isinstance(value, str)}


def requests_at_doors(world):
    """As `requests_of`, for the routes of doors."""
    alice, photo, limit = {"img": text(ALICE)}, {"img": "Folder of Photos/1.png"}, {"threshold": 1}
    image = [(alice, ()), (photo, (FIND,))]
    pair = {"img1": text(ALICE), "img2": text(BOB), **limit}
    pairs = [(pair, ()), (pair | {"img2": photo["img"]}, (FIND,))]
    stranger = {"img": text((224, 0, 0))}  # who is near nobody that others registered
    new_faces = [(stranger, ()), (photo, (FIND,))]
    store, collection, name = {"store": world.collection}, {"collection": world.collection}, {"name": "Nobody"}
    new = {"person_id": "Nobody", **collection}
    recognition, file = "/api/v1/recognition", [({"file": one["img"]}, needs) for one, needs in image]
    faces, subject = f"{recognition}/faces", {"subject": "Nobody"}
    is_confined = world.collection.startswith("mine")  # other keys do not see its faces here: 404
    two = {"source_image": text(ALICE), "target_image": text(BOB)}
    vectors = {"embeddings": [[1.0] * 4096], "embedding": "which the answer repeats"}
    return {
        ("POST", f"{recognition}/subjects"): [(subject, ())],
        ("GET", f"{recognition}/subjects"): [(None, ())],
        ("PUT", f"{recognition}/subjects/{{subject}}"): [(subject, (), f"{recognition}/subjects/Nobody")],
        ("DELETE", f"{recognition}/subjects/{{subject}}"): [(None, (), f"{recognition}/subjects/Nobody")],
        ("POST", faces): [({"file": one["img"]}, needs, f"{faces}?subject=Nobody") for one, needs in new_faces],
        ("GET", faces): [(None, ())],
        ("GET", f"{faces}/{{face_id}}/img"): [(None, (), f"{faces}/{world.person['id']}/img")],
        ("POST", f"{recognition}/recognize"): [
            *file,
            (file[0][0], (Scope.FACES,), f"{recognition}/recognize?face_plugins=age,calculator"),
        ],
        ("POST", f"{faces}/{{face_id}}/verify"): [
            (one, needs if is_confined else (), f"{faces}/{world.person['id']}/verify") for one, needs in file
        ],
        ("POST", f"{recognition}/embeddings/recognize"): [(vectors, (EMBEDDINGS,))],
        ("POST", f"{recognition}/embeddings/faces/{{face_id}}/verify"): [
            (vectors, (EMBEDDINGS,), f"{recognition}/embeddings/faces/{world.person['id']}/verify")
        ],
        ("POST", "/api/v1/detection/detect"): file,
        ("POST", "/api/v1/verification/verify"): [
            (two, ()),
            (two | {"target_image": photo["img"]}, (FIND,)),
        ],
        ("POST", "/api/v1/verification/embeddings/verify"): [
            ({"source": [1.0] * 4096, "targets": [[1.0] * 4096], "embedding": "which the answer repeats"}, ())
        ],
        ("DELETE", f"{faces}/{{face_id}}"): [(None, (), f"{faces}/{UNKNOWN}")],
        ("POST", f"{faces}/delete"): [([UNKNOWN], ())],
        ("DELETE", faces): [(None, (), f"{faces}?subject=Nobody")],
        ("POST", "/v1/face/verify"): pairs,
        **{("POST", f"/v1/face/{name}"): image for name in ("analyze", "embed")},
        ("POST", "/v1/detection"): [({"image": one["img"]}, needs) for one, needs in image],
        ("POST", "/v1/face/register"): [(one | store | name, needs) for one, needs in new_faces],
        ("POST", "/v1/face/identify"): [(one | store | limit, needs) for one, needs in image],
        ("POST", "/v1/face/forget"): [({"id": UNKNOWN, **store}, ())],
        ("POST", "/deepface/verify"): pairs,
        **{("POST", f"/deepface/{name}"): image for name in ("analyze", "represent")},
        ("POST", "/deepface/register"): [
            (one | collection | {"img_name": "Nobody"}, needs) for one, needs in new_faces
        ],
        ("POST", "/deepface/search"): [(one | collection | limit, needs) for one, needs in image],
        ("POST", "/deepface/build/index"): [(collection, ())],
        ("GET", "/dev/capabilities"): [({}, ())],
        ("POST", "/dev/verify"): pairs,
        ("POST", "/dev/represent"): image,
        ("POST", "/dev/compare"): [
            (one | {"model_name": "Dlib", "vector_b": [1.0] * 128}, needs) for one, needs in image
        ],
        ("POST", "/face-api/verify"): pairs,
        ("POST", "/face-api/analyze"): image,
        ("POST", "/face-api/embed"): [*image, (stranger | new, (WRITE,)), (photo | new, (WRITE, FIND))],
        ("POST", "/face-api/recognize"): [
            *((one | collection | limit, needs) for one, needs in image),
            (alice | collection | limit | {"person_id": "Nobody"}, ()),
        ],
        **{
            ("POST", f"/v1/vision/{name}"): [(Form(image=picture_of(ALICE)), ())] for name in ("face", "face/recognize")
        },
        ("POST", "/v1/vision/face/match"): [(Form(a=picture_of(ALICE), b=picture_of(BOB)), ())],
        ("POST", "/v1/vision/face/register"): [(Form(userid="Nobody", image=picture_of((224, 0, 0))), ())],
        ("POST", "/v1/vision/face/list"): [(Form(), ())],
        ("POST", "/v1/vision/face/delete"): [(Form(userid="Nobody"), ())],
    }


def requests_of(world):
    """Per route: JSON or query of each request, and the scopes that it needs beside the route's own."""
    person, face = f"/persons/{world.person['person_id']}", f"/faces/{world.person['id']}"
    here = {"collection": world.collection}
    alice, photo = {"img": text(ALICE)}, {"img": "Folder of Photos/1.png", **OPTIONS}
    vector = {"embedding": [1.0] * 4096}
    image = [(alice, ()), (photo, (FIND,))]
    limit = {"threshold": 1}  # the detector skip has none
    of_gallery = [(asked | here | limit, needs) for asked, needs in (*image, (vector, (EMBEDDINGS,)))]
    pair = {"img1": text(ALICE), "img2": text(BOB), **limit}
    of_person = {"img1": text(ALICE), "person_id": world.person["person_id"], **limit}
    new = {"name": "New", **here}
    nothing = [(None, ())]
    return {
        ("POST", "/verify"): [
            (pair, ()), (pair | {"img2": photo["img"]}, (FIND,)), (of_person, (READ,)),
            (of_person | {"img1": photo["img"]}, (READ, FIND)),
        ],
        **{("POST", path): image for path in ("/analyze", "/represent", "/extract", "/quality")},
        ("POST", "/find"): [(asked | limit, needs) for asked, needs in image],
        ("POST", "/compare"): [
            (alice | {"target_vector": [1.0] * 4096, **limit}, ()),
            (photo | {"target_vector": [1.0] * 4096, **limit}, (FIND,)),
            ({"source_vector": [1.0] * 4096, "target_vector": [1.0] * 4096, **limit}, ()),
        ],
        ("GET", "/models"): nothing,
        ("GET", "/metrics"): nothing,
        ("GET", "/find/indexes"): nothing,
        ("GET", "/find/photos/{photo_id}"): [(None, (), f"/find/photos/{photo_id_of('Folder of Photos/1.png')}")],
        ("POST", "/register"): [
            # Before there is another person with this face, who could be the one that an answer tells.
            (alice | here | {"person_id": world.person["person_id"], "on_duplicate": "reject", **limit}, ()),
            (alice | new | {"name": "A", "on_duplicate": "reject", **limit}, ()),
            (alice | new | {"name": "B", "on_duplicate": "merge", **limit}, ()),
            (alice | new, ()),
            (photo | new, (FIND,)),
        ],
        ("POST", "/identify"): of_gallery,
        ("POST", "/recognize"): of_gallery,
        ("GET", "/persons"): nothing,
        ("GET", "/persons/{person_id}"): [(None, (), person)],
        ("PATCH", "/persons/{person_id}"): [({}, (), person), ({"labels": {"a": "b"}}, (), person)],
        ("GET", "/faces/{face_id}"): [(None, (), face)],
        ("GET", "/faces/{face_id}/crop"): [(None, (), f"{face}/crop"), (None, (), f"{face}/crop?size=16")],
        ("POST", "/faces/crops"): [({"ids": [world.person["id"], world.other["id"]]}, ())],
        ("PATCH", "/faces/{face_id}"): [
            ({}, (), face), ({"set_aside": True, "person_id": world.other["person_id"]}, (), face),
            ({"set_aside": False, "person_id": world.person["person_id"]}, (), face),
        ],
        ("GET", "/collections"): nothing,
        ("POST", "/collections"): [({"name": world.collection}, ())],
        ("GET", "/audit"): nothing,
        ("GET", "/audit/verify"): nothing,
        ("GET", "/verifications"): nothing,
        ("GET", "/keys"): nothing,
        ("POST", "/keys"): [({"name": "x", "scopes": ["faces"]}, (Scope.FACES,))],
        ("DELETE", "/keys/{key_id}"): [(None, (), "/keys/nobody")],
        ("DELETE", "/faces/{face_id}"): [(None, (), face)],
        ("POST", "/persons/{person_id}/merge"): [
            ({"person_ids": [world.other["person_id"]], "retain_until": None}, (), f"{person}/merge"),
        ],
        ("POST", "/forget"): [({"id": world.other["id"]}, ())],
        ("DELETE", "/persons/{person_id}"): [(None, (), person)],
        ("DELETE", "/collections/{name}"): [(None, (), f"/collections/{world.collection}")],
    }  # fmt: skip


# What deletes everybody of a collection comes last.
LAST = {("DELETE", "/api/v1/recognition/subjects"): [(None, ())]}

# The last is what a photo that is not there would get, too.
REFUSED = ("forbidden", "image_source_forbidden", "image_decode_error")


def scopes_of(app):
    """The scope of every route by method and path, those of doors too."""
    every = [*views(app), *(view for door in doors_of(app) for view in door_views(app, door))]
    return {(method, path): route_of(view).scope for method, path, view in every}


def is_refused(answer):
    """Whether the request was refused for its scopes; the bodies of doors have codes of their own, or none."""
    if answer.is_json and isinstance(answer.json, dict) and "error_code" in answer.json:
        return answer.json["error_code"] in REFUSED
    return answer.status_code in (400, 403)


def asked(app, client, scopes, world, foreign=None):
    """How many requests were sent, and how the answers differ from what the scopes allow."""
    tries, breaches = 0, []
    routes = scopes_of(app)
    requests = requests_at_doors(world) | requests_of(world) | LAST
    assert set(requests) == {route for route, scope in routes.items() if scope is not None}
    hidden = [secret for scope, some in world.secrets.items() if scope not in scopes for secret in some]
    hidden += [] if foreign is None else foreign.secrets[READ]
    for (method, path), several in requests.items():
        is_trail = path == "/audit"  # which names persons and faces of the key's collection by their ids
        if is_trail:
            services_of(app).audit.log.flush(30)
        kept = [secret for secret in hidden if not (is_trail and secret in world.ids)]
        for body, needs, *place in several:
            url = place[0] if place else path
            is_form = isinstance(body, Form)
            answer = client.open(url, method=method, **({"data": body.sent()} if is_form else {"json": body}))
            tries += 1
            lacking = {routes[method, path], *needs} - scopes
            if lacking and not is_refused(answer):
                breaches.append(f"{method} {path} without {' '.join(sorted(lacking))}: {answer.status_code}")
            if not lacking and answer.status_code in (401, 403):
                breaches.append(f"{method} {path} is refused in spite of {' '.join(sorted(scopes))}")
            said = f"{url} {json.dumps(body.texts() if is_form else body)}"
            heard = f"{answer.headers} {answer.get_data().decode('latin-1')}"
            breaches += [f"{method} {path} tells {one}" for one in kept if one in heard and one not in said]
    return tries, breaches


def sets_of_scopes(count):
    """So many sets: each scope alone, all but one, all, none, and others."""
    every = [*Scope]
    first = [{one} for one in every] + [set(every) - {one} for one in every] + [set(every), set()]
    rest = [set(some) for size in range(len(every)) for some in itertools.combinations(every, size)]
    return (first + [some for some in rest if some not in first])[:count]


def matrix(app, photos, count):
    write_photo(photos / "Folder of Photos" / "1.png", BOB)
    keys = services_of(app).access.keys
    operator = app.test_client()
    operator.environ_base["HTTP_X_API_KEY"] = KEY
    assert operator.post("/find", json={"img": text(BOB), "refresh": "wait"}).status_code == 200
    tries, breaches = 0, []
    for number, scopes in enumerate(sets_of_scopes(count)):
        for collection in (None, f"mine{number}") if Scope.ADMIN not in scopes else (None,):
            client = app.test_client()
            client.environ_base["HTTP_X_API_KEY"] = keys.create("x", scopes, collection=collection)[1]
            world = World(operator, 10 * number, collection or f"of{number}")
            foreign = World(operator, 10 * number + 5, f"theirs{number}") if collection else None
            before = state(operator, world)
            more, found = asked(app, client, scopes, world, foreign)
            tries += more
            breaches += found
            if WRITE not in scopes and state(operator, world) != before:
                breaches.append(f"the gallery was changed by {' '.join(sorted(scopes))}")
    return tries, breaches


def state(operator, world):
    persons = operator.get("/persons", query_string={"collection": world.collection, "limit": 1000}).json
    return persons, world.collection in operator.get("/collections").text


@pytest.fixture
def app(make_app):
    return make_app(api_keys=(KEY,))


def test_every_set_of_scopes_gets_what_it_allows_and_no_more(app, photos, attack, cases):
    attack(NAME, *matrix(app, photos, cases(16, 128)))


def test_routes_without_scopes_are_noticed(app, photos, attack, monkeypatch):
    monkeypatch.setattr(core.scopes, "is_granted", lambda _: True)
    breaches = matrix(app, photos, len(Scope))[1]
    routes = [(method, path) for (method, path), scope in scopes_of(app).items() if scope is not None]
    noticing = [f"{method} {path} without" for method, path in routes]
    noticing += ["/identify without embeddings: 200", "/verify without gallery:read: 200", "the gallery was changed"]
    attack(NAME, 0, breaches, twin=True, noticing=noticing)


def test_answers_that_tell_everybody_everything_are_noticed(app, photos, attack, monkeypatch):
    for room in (answers, registration):
        monkeypatch.setattr(room, "is_granted", lambda _: True)
    breaches = matrix(app, photos, len(Scope))[1]
    noticing = [
        "PATCH /persons/{person_id} tells Name",
        "POST /register tells Name",
        "/merge tells metadata",
        "PATCH /faces/{face_id} tells",
    ]
    attack(NAME, 0, breaches, twin=True, noticing=noticing)


def test_a_key_that_is_not_kept_to_its_collection_is_noticed(app, photos, attack, monkeypatch):
    monkeypatch.setattr(endpoint, "confined", lambda given: given)
    breaches = matrix(app, photos, len(Scope))[1]
    attack(NAME, 0, breaches, twin=True, noticing=["GET /persons tells Name of"])
