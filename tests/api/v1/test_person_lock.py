"""/verify of a person who was missed too many times in a row."""

import threading
from base64 import b64encode

import pytest
import sqlalchemy as sa

from api.context import services_of
from core.scopes import Scope
from services.database.schema import events, failed_attempts, metadata
from services.models.thresholds import Threshold
from tests.api.v1.test_gallery import UNKNOWN, register, text
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE, ALICIA, BOB, Block, Colour, encoded, picture

MOST = 5
STRANGER: Colour = (224, 32, 0)  # farther from Alice than the threshold of the model in every metric
PRINT: Colour = (32, 64, 32)  # within the model's threshold, but not live
METRICS = ("cosine", "euclidean", "euclidean_l2", "angular")


@pytest.fixture
def rows(settings):
    """The rows of a table of the gallery's database."""

    def read(table):
        engine = sa.create_engine(f"sqlite:///{settings.data_path / 'gallery.db'}")
        with engine.connect() as connection:
            found = list(connection.execute(sa.select(metadata.tables[table.name])))
        engine.dispose()
        return found

    return read


@pytest.fixture
def person(client):
    return register(client, ALICE, "Alice")["person_id"]


def attempt(client, person, colour=ALICE, **options):
    body = {"img1": text(colour), "person_id": person, "threshold": 0.001} | options
    return client.post("/verify", json=body)


def miss(client, person, times):
    for _ in range(times):
        assert attempt(client, person, STRANGER).json["verified"] is False


def test_after_five_misses_in_a_row_nobody_is_recognized_before_anything_is_looked_at(client, person, engine):
    miss(client, person, MOST)
    embedded = engine.embedded
    for colour in (ALICE, STRANGER):
        refused = attempt(client, person, colour)
        assert_error(refused, 429, "person_locked")
        assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert engine.embedded == embedded


def test_a_match_begins_anew(client, person):
    for _ in range(3):
        miss(client, person, MOST - 1)
        assert attempt(client, person, ALICE).json["verified"] is True


def test_other_persons_and_pairs_of_images_are_not_locked(client, person):
    other = register(client, BOB, "Bob")["person_id"]
    miss(client, person, MOST)
    assert attempt(client, other, BOB).json["verified"] is True
    assert client.post("/verify", json={"img1": text(ALICE), "img2": text(BOB)}).status_code == 200
    assert_error(attempt(client, UNKNOWN, BOB), 404, "person_not_found")
    assert_error(attempt(client, person.upper(), ALICE), 429, "person_locked")  # the same id in another spelling


def test_only_a_comparison_counts_and_a_spoof_is_one(client, person):
    for _ in range(MOST):
        assert_error(attempt(client, person, img1=text()), 422, "no_face_detected", "img1")
        assert_error(attempt(client, person, img1="QUJD"), 400, "image_decode_error", "img1")
        wrong_model = attempt(client, person, ALICE, model_name="Dlib")
        assert_error(wrong_model, 422, "validation_error", "model_name")
    for _ in range(MOST):
        assert attempt(client, person, PRINT, threshold=2, anti_spoofing=True).json["verified"] is False
    assert_error(attempt(client, person, ALICE), 429, "person_locked")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("threshold", [1e9, 2, 0.001, 0, None])
def test_the_models_own_threshold_alone_says_what_is_a_miss(client, person, metric, threshold):
    options = {"distance_metric": metric, "threshold": threshold}
    for _ in range(3):  # a match of the model is none to the request with threshold 0, and yet begins anew
        for _ in range(MOST - 1):
            assert attempt(client, person, STRANGER, **options).status_code == 200
        assert attempt(client, person, ALICE, **options).status_code == 200
    for _ in range(MOST):
        assert attempt(client, person, STRANGER, **options).status_code == 200
    assert_error(attempt(client, person, ALICE, **options), 429, "person_locked")


def test_nobody_is_locked_by_threshold_0_nor_unlocked_by_threshold_2(client, person):
    for _ in range(3 * MOST):
        assert attempt(client, person, ALICIA, threshold=0).json["verified"] is False
    answers = [attempt(client, person, STRANGER, threshold=2) for _ in range(MOST + 1)]
    assert [answer.json["verified"] for answer in answers[:MOST]] == [True] * MOST
    assert_error(answers[MOST], 429, "person_locked")


def test_a_distance_of_exactly_the_threshold_is_no_miss(client, person, monkeypatch):
    exactly = attempt(client, person, ALICIA).json["distance"]
    monkeypatch.setattr("services.faces.options.threshold_of", lambda *_: Threshold(exactly, "measured"))
    for _ in range(2 * MOST):
        assert attempt(client, person, ALICIA, threshold=0).status_code == 200
    monkeypatch.setattr("services.faces.options.threshold_of", lambda *_: Threshold(exactly - 1e-6, "measured"))
    for _ in range(MOST):
        assert attempt(client, person, ALICIA, threshold=2).status_code == 200
    assert_error(attempt(client, person, ALICIA, threshold=2), 429, "person_locked")


def test_misses_of_all_models_metrics_and_captures_count_together(client, person):
    register(client, ALICE, "Alice", model_name="Dlib")
    frames = [b64encode(encoded(picture(Block(BOB, x=x)))).decode() for x in (20, 26)]
    ways = [
        {"img1": text(STRANGER)},
        {"img1": text(STRANGER), "model_name": "Dlib", "threshold": 1e9},
        {"img1": text(STRANGER), "distance_metric": "euclidean", "threshold": 1e9},
        {"frames": frames, "model_name": "Dlib", "threshold": 2},
        {"img1": text(STRANGER, STRANGER), "model_name": "Dlib", "distance_metric": "angular", "threshold": 0},
    ]
    for way in ways:
        assert client.post("/verify", json=way | {"person_id": person}).status_code == 200
    assert_error(attempt(client, person), 429, "person_locked")


def test_a_key_of_one_collection_counts_in_the_same_way(make_app):
    app = make_app(api_keys=(KEY,))
    client = app.test_client()
    scopes = (Scope.FACES, Scope.GALLERY_READ, Scope.GALLERY_WRITE)
    client.environ_base["HTTP_X_API_KEY"] = services_of(app).access.keys.create("x", scopes, collection="mine")[1]
    person = register(client, ALICE, "Alice")["person_id"]
    for _ in range(MOST):
        assert attempt(client, person, STRANGER, threshold=2).json["verified"] is True
    client.environ_base["HTTP_X_API_KEY"] = KEY
    assert_error(attempt(client, person, ALICE), 429, "person_locked")


def test_the_lock_ends_and_five_more_may_miss(make_app):
    client = make_app(person_lock_s=0.5).test_client()
    person = register(client, ALICE, "Alice")["person_id"]
    for _ in range(2):
        statuses = []
        while len(statuses) < 10_000 and statuses.count(200) < MOST:
            statuses.append(attempt(client, person, STRANGER).status_code)
        assert statuses.count(200) == MOST
        assert attempt(client, person, ALICE).status_code == 429


def test_the_number_may_be_changed_or_the_lock_turned_off(make_app):
    client = make_app(person_lock_misses=1).test_client()
    person = register(client, ALICE, "Alice")["person_id"]
    miss(client, person, 1)
    assert_error(attempt(client, person, ALICE), 429, "person_locked")
    miss(make_app(person_lock_misses=0).test_client(), person, MOST + 2)


def test_of_many_at_once_in_two_processes_five_are_told_that_they_missed(make_app):
    apps = [make_app() for _ in range(2)]
    person = register(apps[0].test_client(), ALICE, "Alice")["person_id"]
    statuses = []

    def send(app):
        statuses.extend(attempt(app.test_client(), person, STRANGER).status_code for _ in range(2))

    threads = [threading.Thread(target=send, args=(app,)) for app in apps * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(statuses) == [200] * MOST + [429] * (16 - MOST)


def test_a_lock_is_on_record_with_the_key_that_caused_it(make_app, rows):
    client = make_app(api_keys=(KEY,)).test_client()
    client.environ_base["HTTP_X_API_KEY"] = KEY
    person = register(client, ALICE, "Alice")["person_id"]
    miss(client, person, MOST)
    attempt(client, person, STRANGER)
    (lock,) = [row for row in rows(events) if row.action == "lock"]
    assert (lock.person_id, lock.key_id, lock.details) == (person, "env-1", {"misses": 5, "seconds": 30})
    assert lock.request_id


def test_whoever_is_forgotten_takes_the_count_along(client, person, rows):
    miss(client, person, 1)
    assert len(rows(failed_attempts)) == 1
    assert client.delete(f"/persons/{person}").status_code == 200
    assert rows(failed_attempts) == []


def test_an_attempt_that_began_before_the_lock_learns_nothing_after_it(make_app, engine):
    late, others = (make_app().test_client() for _ in range(2))
    person = register(others, ALICE, "Alice")["person_id"]
    answers, has_begun, may_go_on = [], threading.Event(), threading.Event()
    embed = engine.embed

    def wait_and_embed(*args, **options):
        has_begun.set()
        assert may_go_on.wait(30)
        return embed(*args, **options)

    engine.embed = wait_and_embed
    thread = threading.Thread(target=lambda: answers.append(attempt(late, person)))
    thread.start()
    assert has_begun.wait(30)
    engine.embed = embed
    miss(others, person, MOST)
    may_go_on.set()
    thread.join(30)
    assert_error(answers[0], 429, "person_locked")
