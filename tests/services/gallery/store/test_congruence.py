"""The same random changes and questions to SQLite and to PostgreSQL, and the same answers."""

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from core.exceptions import ServiceError
from services.database.choice import make_database
from services.gallery.store import writes
from services.gallery.store.pgvector_search import PgVectorSearch
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import FaceEmbedding, IdempotencyKey, IdempotencyKeyTaken, Registration, Retention
from tests.services.gallery.store.test_store import DIMENSION, FORGET, OTHER, REGISTER, SPACE, face

ROUNDS = 150
# Distances are rounded to 6 places, of sums that two processors may add up in another order.
TOLERANCE = 1.5e-6

NOW = datetime.now(UTC)
LIMITS = [NOW - timedelta(days=1), NOW + timedelta(days=1), None]
COLLECTIONS = ["default", "default", "Guests"]
SPACES = [SPACE, SPACE, SPACE, OTHER, replace(SPACE, alignment="template")]
METRICS = ["cosine", "euclidean", "euclidean_l2", "angular"]
NAMES = ["Ann", "ann", "Élodie", "élodie", "Zoë", "Zoe\u0308", "Straße", "STRASSE", "Bob", "100%", "a_b", "Ω", "Ёлка"]
PARTS = ["", "AN", "é", "zoë", "ss", "%", "_", "ω", "o"]
LABELS = {"team": ["red", "Red", ""], "floor": ["1", "2"]}


class Both:
    """Asks both for the same, with the same ids for what is new, and gives the answer that both gave."""

    def __init__(self, galleries, monkeypatch):
        self._galleries = galleries
        self._monkeypatch = monkeypatch
        self._ids = [random.Random(0) for _ in galleries]

    def __call__(self, ask):
        one, other = (self._answer(ask, gallery, ids) for gallery, ids in zip(self._galleries, self._ids, strict=True))
        assert one == other
        return one

    def near(self, ask):
        one, other = (self._answer(ask, gallery, ids) for gallery, ids in zip(self._galleries, self._ids, strict=True))
        assert [near.distance for near in one] == pytest.approx(
            [near.distance for near in other], abs=TOLERANCE, rel=1e-12
        )
        # Who is as near as somebody else may be before or after, and at the end in or out.
        last = one[-1].distance if one else 0
        sure = [
            {(near.person.id, near.face_id) for near in found if near.distance < last - TOLERANCE}
            for found in (one, other)
        ]
        assert sure[0] == sure[1]
        return one

    def _answer(self, ask, gallery, ids):
        self._monkeypatch.setattr(writes, "uuid4", lambda: UUID(int=ids.getrandbits(128), version=4))
        try:
            return plain(ask(gallery))
        except (ServiceError, IdempotencyKeyTaken) as error:
            return type(error)


def plain(answer):
    """Without the moments at which it was."""
    if isinstance(answer, list | tuple):
        return [plain(one) for one in answer]
    for name in ("registered_at", "recorded", "at", "bytes_gone"):
        if hasattr(answer, name):
            answer = replace(answer, **{name: None})
    for name in ("person", "face", "persons"):
        if hasattr(answer, name):
            answer = replace(answer, **{name: plain(getattr(answer, name))})
    return answer


@pytest.fixture
def both(tmp_path, owner_url, monkeypatch):
    with (
        closing(make_database(f"sqlite:///{tmp_path / 'gallery.db'}")) as sqlite,
        closing(make_database(owner_url)) as postgresql,
    ):
        galleries = [
            GalleryStore(sqlite, MatrixSearch(sqlite)),
            GalleryStore(postgresql, PgVectorSearch(postgresql)),
        ]
        yield Both(galleries, monkeypatch)


class History:
    """What may be asked, drawn at random."""

    def __init__(self, seed, both):
        self.rng, self.numbers, self.both = random.Random(seed), np.random.default_rng(seed), both
        self.persons, self.faces, self.keys = [str(uuid4())], [str(uuid4()), "no id"], []

    def some(self, values, none=0.3):
        return None if self.rng.random() < none else self.rng.choice(values)

    def labels(self, most=2):
        names = self.rng.sample(list(LABELS), self.rng.randrange(most + 1))
        return {name: self.rng.choice(LABELS[name]) for name in names}

    def others(self, space):
        """Other spaces of a face."""
        others = [one for one in dict.fromkeys(SPACES) if one != space]
        return self.rng.sample(others, self.rng.choice([0, 0, 1, 2]))

    def embedding(self, space):
        kind = self.rng.random()
        numbers = self.numbers.normal(size=DIMENSION[replace(space, alignment="eyes")])
        return (numbers * (1e10 if kind < 0.1 else 1e-10 if kind < 0.2 else 1)).astype(np.float32)

    def register(self):
        space = self.rng.choice(SPACES)
        key = self.some([*self.keys, f"k{len(self.keys)}"])
        of_name = self.rng.random() < 0.8
        who = {"name": self.rng.choice(NAMES)} if of_name else {"person_id": self.rng.choice(self.persons)}
        also = [FaceEmbedding(space=one, vector=self.embedding(one), weights="o") for one in self.others(space)]
        new = face(
            space=space,
            embedding=self.embedding(space),
            also=also,
            crop=self.some([b"png"]),
            liveness=self.some([0.25]),
            photo=self.some(["1.jpg"]),
        )
        options = {
            "collection": self.rng.choice(COLLECTIONS), "event": REGISTER, "labels": self.labels(),
            "metadata": self.some([{"n": [1, None, "é"]}, {"m": {}}]), "retain_until": self.some(LIMITS, none=0.7),
            "idempotency_key": key and IdempotencyKey(key, "d", self.some([timedelta(days=1)])),
        }  # fmt: skip
        done = self.both(lambda gallery: gallery.register(Registration(faces=[new], **who, **options)))
        if isinstance(done, list):
            person, (kept,) = done
            self.persons.append(person.id)
            self.faces.append(kept.id)
            self.keys += [key] if key else []

    def merge(self):
        into, *others = self.rng.choices(self.persons, k=self.rng.randrange(2, 4))
        limit = self.some([Retention(one) for one in LIMITS])
        self.both(lambda gallery: gallery.merge(into, others, REGISTER, limit=limit))

    def patch(self):
        person = self.rng.choice(self.persons)
        changes = {
            name: value
            for name, value in (
                ("name", self.rng.choice(NAMES)), ("labels", self.labels()), ("metadata", {"x": self.rng.random()}),
                ("retain_until", self.some(LIMITS)),
            )
            if self.rng.random() < 0.4
        }  # fmt: skip
        self.both(lambda gallery: gallery.update(person, changes, REGISTER))

    def forget(self):
        kind, values = ("face_id", self.faces) if self.rng.random() < 0.8 else ("person_id", self.persons)
        number = self.rng.choice(values)
        self.both(lambda gallery: gallery.forget(FORGET, **{kind: number}))

    def clear(self):
        name, with_persons = self.rng.choice([*COLLECTIONS, "nowhere"]), self.rng.random() < 0.3
        self.both(lambda gallery: gallery.remove_collection(name, FORGET, with_persons=with_persons))
        self.both(lambda gallery: len(gallery.expire(NOW, FORGET, limit=1)))

    def ask_who_is_near(self):
        space = self.rng.choice(SPACES)
        metric = self.rng.choice(METRICS)
        probe = self.embedding(space).astype(np.float64)
        options = {
            "space": space, "collection": self.rng.choice(COLLECTIONS), "metric": metric,
            "k": self.rng.randrange(1, 8), "labels": self.labels(self.rng.random() < 0.4),
            "person_id": self.some(self.persons, none=0.9),
            "within": self.some([{"cosine": 1, "angular": 0.5, "euclidean": 16, "euclidean_l2": 1.4}[metric]]),
            "lacking": self.some([one for one in SPACES if one != space], none=0.85),
            "spares_photos": self.rng.random() < 0.5,
        }  # fmt: skip
        return self.both.near(lambda gallery: gallery.nearest(probe, **options))

    def ask_who_is_there(self):
        options = {
            "collection": self.some(COLLECTIONS), "name": self.rng.choice(PARTS),
            "labels": self.labels(1), "limit": self.rng.randrange(1, 6),
        }  # fmt: skip
        cursor = None
        while True:
            page = self.both(lambda gallery: gallery.persons(**options, cursor=cursor))  # noqa: B023
            cursor = page.next_cursor
            if cursor is None:
                break

    def ask_the_rest(self):
        person, one, key = (self.rng.choice(some) for some in (self.persons, self.faces, [*self.keys, "k"]))
        collection = self.rng.choice(COLLECTIONS)
        self.both(lambda gallery: gallery.person(person))
        self.both(lambda gallery: gallery.faces(person))
        self.both(lambda gallery: gallery.face(one))
        self.both(lambda gallery: gallery.crop(one))
        self.both(lambda gallery: gallery.answered(key))
        self.both(lambda gallery: gallery.spaces(collection, person_id=person))
        self.both(lambda gallery: gallery.spaces(collection))
        self.both(lambda gallery: gallery.names(collection))
        one, other = self.rng.sample(list(dict.fromkeys(SPACES)), 2)
        self.both(lambda gallery: gallery.is_anybody_only_in(one, collection, lacking=other))
        self.both(lambda gallery: gallery.face_counts())
        self.both(lambda gallery: gallery.collections())


@pytest.mark.parametrize("seed", [0, 1])
def test_both_databases_answer_the_same(both, seed):
    history = History(seed, both)
    changes = [history.register, history.merge, history.patch, history.forget, history.clear]
    found = 0
    for _ in range(ROUNDS):
        (change,) = history.rng.choices(changes, weights=[20, 2, 4, 3, 0.2])
        change()
        found += len(history.ask_who_is_near())
        history.ask_who_is_there()
        if history.rng.random() < 0.3:
            history.ask_the_rest()
    assert found > ROUNDS  # there was somebody to ask for
