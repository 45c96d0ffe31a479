"""Requests made up from /openapi.json against the real server: every answer is one that the document declares."""

import re
from base64 import b64encode
from collections import Counter
from uuid import UUID

import cv2
import hypothesis
import numpy as np
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from schemas.compare import OTHER_NAMES
from tests.conftest import KEY
from tests.serving import served, wait_for
from tests.test_server import ASTRONAUT

NAME = "bodies: requests made up from `/openapi.json`"
MAX_ID = 100  # characters
ALONE = {"ALLOW_URLS": "false", "API_KEYS": KEY, "DOORS": ""}  # doors take what the document does not name
ANSWERING = (
    "/verify",
    "/represent",
    "/find",
    "/find/indexes",
    "/extract",
    "/identify",
    "/recognize",
    "/quality",
    "/persons",
    "/",
    "/health",
    "/ready",
)
SHOWN = {  # where pictures go
    "/verify": ("img1", "img2"),
    **dict.fromkeys(
        ("/analyze", "/represent", "/find", "/extract", "/register", "/identify", "/recognize", "/quality"), ("img",)
    ),
}
HERE = ("Dlib", "opencv", "skip")  # models that need no download
# In place of the picture, or about what is not there.
OTHERWISE = ("frames", "embedding", "source_vector", "person_id", "collection", "labels", "min_quality")
# Outside of JSON bodies.
JSON_AS_TEXT = (
    "labels", "metadata", "embedding", "person_ids",
    "source_vector", "target_vector", "target_vectors", "vector", "vector_b", "vectors",
)  # fmt: skip
URI_TOO_LONG = 414
ROUND = 2000  # cases from one seed
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

HEADERS = st.dictionaries(
    st.sampled_from(["X-Request-Id", "Accept", "Accept-Encoding", "Content-Encoding", "Cookie", "Range",
                     "If-None-Match", "User-Agent", "X-Forwarded-For", "X-HTTP-Method-Override"]),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20).map(str.strip),
    max_size=3,
)  # fmt: skip


def small_face():
    picture = cv2.imdecode(np.frombuffer(ASTRONAUT, np.uint8), cv2.IMREAD_COLOR)[40:210, 140:310]
    return cv2.imencode(".jpg", cv2.resize(picture, (96, 96)))[1].tobytes()


FACE = small_face()


def show_a_face(case):
    """Make the case one that can be answered: a real picture, and models that are here."""
    is_raw = case.media_type.startswith("image/")
    options = case.query if is_raw else case.body
    if case.path not in SHOWN or not isinstance(options, dict):  # a body that may be left out
        return
    for name in ("model_name", "detector_backend", "anti_spoofing"):
        if options.get(name) not in HERE:
            options.pop(name, None)
    for name in OTHERWISE:
        options.pop(name, None)
    if case.path == "/register":
        options["name"] = "Eileen Collins"
    picture = FACE if is_raw or case.media_type == "multipart/form-data" else b64encode(FACE).decode()
    if is_raw:
        case.body = picture
    else:
        case.body |= dict.fromkeys(SHOWN[case.path], picture)


def never_fails(_, response, case):
    """A 503 says what is missing here; a 500 is declared, but never right."""
    assert response.status_code != 500


def understood(_, response, case):
    """What fits the document may be no image, or need a model that is not here, but is no wrong request."""
    if response.status_code >= 400:
        error = error_of(response)
        assert error["error_code"] not in ("unsupported_media_type", "length_required")
        if error["error_code"] == "validation_error":
            assert all(is_beyond_the_document(wrong, case) for wrong in error["details"]["fields"]), error


def names_nothing(response, case):
    """Whether an ID is text but no UUID, and so is not found; one of several IDs is only left out of the answer."""
    body = case.body if isinstance(case.body, dict) else {}
    several = several_of(body, "ids")
    if response.status_code == 200:
        return any(map(is_other_text, several))
    named = [body.get("id"), body.get("person_id"), *several_of(body, "person_ids")]
    is_in_path = not all(is_uuid(one) for one in (case.path_parameters or {}).values())
    return response.status_code == 404 and (is_in_path or any(map(is_other_text, named)))


def several_of(body, name):
    return body[name] if isinstance(body.get(name), list) else []


def is_other_text(one):
    """Whether requests may have this for an ID, though it is no UUID."""
    return isinstance(one, str) and 0 < len(one) <= MAX_ID and not is_uuid(one)


def is_uuid(text):
    try:
        return str(UUID(str(text))) == str(text).lower()
    except ValueError:
        return False


def error_of(response):
    """The error body; whatever else is answered fails the check, as others fail, and does not end the rest."""
    try:
        error = response.json()
    except ValueError:
        error = None
    assert isinstance(error, dict), "not JSON"
    assert {"error_code", "details"} <= error.keys(), "not the error body"
    return error


def is_beyond_the_document(wrong, case):
    """Whether the document cannot say what is wrong: that one of two is needed, that two are one by either name, how
    long an embedding of the model is, whether it has a template, which models a collection holds, where its pages end,
    what a database cannot, that no two files may be equal, or what the JSON of a text does."""
    is_text = case.media_type != "application/json" and re.split(r"[.\[]", wrong["field"])[0] in JSON_AS_TEXT
    unknowable = (
        wrong["field"] in ("metadata", "cursor")  # NUL, half a character; what no page has given
        or "direction characters" in wrong["msg"]  # a pattern cannot name every class of characters
        or wrong["msg"].startswith("No threshold is known")  # that depends on several options at once
    )
    one_of_two = (
        wrong["msg"].startswith("Give either")
        or (wrong["field"] in ("img", "img1", "img2") and wrong["msg"] == "Field required")
        or (wrong["field"] in OTHER_NAMES.values() and wrong["msg"].startswith("Extra inputs"))
    )
    of_a_model = wrong["field"] == "alignment" and "has no template" in wrong["msg"]
    of_what_is_there = wrong["msg"].startswith(
        ("It has ", "Got ", "The collection has ", "Same image as ", "The scope admin")
    )
    return is_text or unknowable or one_of_two or of_a_model or of_what_is_there


CHECKS = [
    never_fails,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def attacked(url, count):
    """The statuses of `count` cases by path, and what was wrong with any answer."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    # Not 400, which is for what is no image: that a request is wrong has to be noticed before. 411 is for the chunks
    # that `requests` makes of a form of nothing.
    schema.config.checks.negative_data_rejection.expected_statuses = ["411", "415", "422"]
    operations = [operation.ok() for operation in schema.get_all_operations()]
    modes = list(schemathesis.GenerationMode)
    cases = st.one_of([
        st.tuples(operation.as_strategy(mode), st.just(mode.is_positive)) for operation in operations for mode in modes
    ])  # fmt: skip
    session = requests.Session()
    statuses, breaches = Counter(), []

    @hypothesis.settings(
        max_examples=min(count, ROUND),
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data(), HEADERS, st.sampled_from([True, True, True, False]))
    def attack(data, headers, shows_a_face):
        try:
            case, is_positive = data.draw(cases)
        except ValueError:  # schemathesis cannot make every change of a file that it thinks of
            hypothesis.reject()
        if case.media_type in FORMS:  # which say nothing of an empty list, or of what is no object
            hypothesis.assume(isinstance(case.body, dict) and [] not in case.body.values())
        if not is_positive:  # a header that should be no number is sent as one that is text
            hypothesis.assume(not case.headers)
        if is_positive and case.media_type:
            if not case.media_type.startswith("image/") or not isinstance(case.body, bytes):
                case.query = {}  # the options beside an image, which OpenAPI cannot say
            if shows_a_face:
                show_a_face(case)
        case.headers.pop("Authorization", None)  # a second key
        response = case.call(session=session, headers={**headers, "X-API-Key": KEY}, timeout=60)
        statuses[case.path, response.status_code] += 1
        if response.status_code == URI_TOO_LONG:  # gunicorn's own, before the service sees it
            return
        last = [understood] if is_positive else [checks.negative_data_rejection]
        try:
            case.validate_response(response, [*CHECKS, *([] if names_nothing(response, case) else last)])
        except FailureGroup as group:
            what = f"{case.operation.label} {case.media_type} {case.query} {case.body!r:.200}"
            breaches.extend(f"{what}: {failure} {response.text:.200}" for failure in group.exceptions)

    for seed in range(2 * -(-count // ROUND)):
        if statuses.total() < count:
            hypothesis.seed(seed)(attack)()
    session.close()
    return statuses, breaches


def test_every_answer_is_declared(tmp_path, attack, cases):
    photo = tmp_path / "photos" / "collins" / "1.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(FACE)
    with served(tmp_path, **ALONE) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        statuses, breaches = attacked(url, cases(800, 20_000))
    attack(NAME, statuses.total(), breaches)
    assert statuses.total() >= cases(800, 20_000)
    assert {path for path, status in statuses if status == 200} >= set(ANSWERING)  # /analyze has no weights here
    assert statuses["/register", 201]


def test_an_answer_that_is_not_declared_is_noticed(tmp_path, attack):
    with served(tmp_path, app="tests.security.weak_bodies:app", **ALONE) as (
        url,
        _,
        process,
    ):
        wait_for(f"{url}/ready", alive=process)
        attack(NAME, 0, attacked(url, 100)[1], twin=True)


def test_a_bare_failure_is_noticed_each_time(tmp_path, attack):
    """As gunicorn answers for an application that raised: a page that is no JSON."""
    with served(tmp_path, app="tests.security.weakened:failing()", **ALONE) as (
        url,
        *_,
    ):
        wait_for(f"{url}/health")
        statuses, breaches = attacked(url, 30)
    assert {status for path, status in statuses if path not in ("/health", "/openapi.json")} == {500}
    attack(NAME, 0, breaches, twin=True, noticing=["500"])
    assert len({breach.partition(": ")[0] for breach in breaches}) > 10
