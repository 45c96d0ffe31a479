"""Guessing and bending keys: on every route in every shape, and listening to how long a refusal takes."""

import gc
import random
import re
import secrets
import time

import pytest
from scipy.stats import mannwhitneyu

from api.deps import services_of
from api.documented import documented
from api.openapi import views
from core.scopes import Scope
from services import keys
from tests.api.test_gallery import UNKNOWN
from tests.conftest import KEY

SHAPES = "keys: every route, 20 shapes, random and edited keys"
TIMING = "keys: time of a refusal, first or last byte wrong (Mann-Whitney p > 0.01)"
REFUSED = (400, 401, 429)
LEAST_P = 0.01
ROUNDS = 3  # a fair coin falls below LEAST_P once in a hundred; a leak does each time


@pytest.fixture
def app(make_app):
    return make_app(api_keys=(KEY,))


def edited(token, rng):
    """The key with one character more, fewer, or another."""
    place, letter = rng.randrange(len(token)), rng.choice("abcXYZ019_-=é")
    changed = rng.choice([
        token[:place] + letter + token[place + 1 :],
        token[:place] + token[place + 1 :],
        token[:place] + letter + token[place:],
        token[:place] + token[place].swapcase() + token[place + 1 :],
        token[place:] + token[:place],
    ])  # fmt: skip
    return changed if changed != token else token + letter


def shapes(token, valid, rng):
    """Twenty ways of sending no key: `token`, a wrong one, or `valid`, which must not be sent so."""
    wrong = token or edited(valid, rng)
    return [
        {},
        {"Authorization": f"Bearer {wrong}"},
        {"X-API-Key": wrong},
        {"Authorization": f"Bearer {wrong}", "X-API-Key": wrong},
        {"Authorization": f"Bearer {wrong}", "X-API-Key": valid},
        {"Authorization": f"Bearer {valid}", "X-API-Key": wrong},
        {"Authorization": valid},
        {"Authorization": f"Basic {valid}"},
        {"Authorization": f"Token {valid}"},
        {"Authorization": f"Bearer{valid}"},
        {"Authorization": f"Bearer {valid},{wrong}"},
        {"Authorization": f"Bearer {valid} {wrong}"},
        {"Authorization": f'Bearer "{valid}"'},
        {"X-API-Key": f"{valid},{wrong}"},
        {"X-API-Key": f"Bearer {valid}"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer "},
        {"X_API_Key_": valid},
        {"Cookie": f"X-API-Key={valid}; api_key={valid}"},
        {"X-Forwarded-Authorization": f"Bearer {valid}", "X-Original-URL": "/health"},
    ]


def attacked(app, count):
    """How often it was tried, and with what somebody got in, or was kept out with a valid key."""
    rng = random.Random(count)
    client = app.test_client()
    made, token = services_of(app).keys.create("the attacked", Scope)
    routes = [
        (method, re.sub(r"{\w+}", UNKNOWN, path))
        for method, path, view in views(app)
        if documented(view).scope is not None
    ]
    breaches = []
    tries = 0
    while tries < count:
        method, path = rng.choice(routes)
        for valid in (KEY, token):
            response = client.open(path, method=method, headers={"X-API-Key": valid})
            if response.status_code in REFUSED and response.json["error_code"] != "image_decode_error":
                breaches.append(f"{method} {path}: kept out {made.id}")
        guess = rng.choice([
            None,
            secrets.token_urlsafe(32),
            f"fsk_{made.id}_{secrets.token_urlsafe(32)}",
            edited(token, rng),
            f"fsk_{made.id}_",
            made.secret_sha256.hex(),
        ])  # fmt: skip
        for headers in shapes(guess, rng.choice([KEY, token]), rng):
            # werkzeug's client sends latin-1
            sane = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
            response = client.open(path, method=method, headers=sane, query_string={"api_key": token})
            tries += 1
            if response.status_code not in REFUSED:
                breaches.append(f"{method} {path}: {response.status_code} with {headers}")
    return tries, breaches


def test_no_wrong_key_gets_in_and_every_valid_one_does(app, attack, cases):
    attack(SHAPES, *attacked(app, cases(300, 10_000)))


def test_a_careless_comparison_is_noticed(app, attack, monkeypatch):
    monkeypatch.setattr(keys, "compare_digest", lambda *_: True)
    attack(SHAPES, *attacked(app, 300), twin=True)


def refusals(service, valid, count):
    """Seconds that refusals took, of keys wrong in the first byte and of those wrong in the last, in turn."""
    prefix, _, secret = valid.rpartition("_")
    other = "x" if secret[0] != "x" else "y"
    first, last = f"{prefix}_{other}{secret[1:]}", f"{prefix}_{secret[:-1]}{other}"
    took = {first: [], last: []}
    gc.disable()
    try:
        for number in range(count):
            for guess in (first, last) if number % 2 else (last, first):
                started = time.perf_counter_ns()
                with pytest.raises(keys.Unauthorized):
                    service.caller(guess)
                took[guess].append(time.perf_counter_ns() - started)
    finally:
        gc.enable()
    return took[first], took[last]


def listened(app, count):
    """How often, and what the times gave away."""
    service = services_of(app).keys
    token = service.create("the attacked", Scope)[1]
    values = []
    for _ in range(ROUNDS):
        first, last = refusals(service, token, count // 2)
        values.append(mannwhitneyu(first, last).pvalue)
        if values[-1] > LEAST_P:
            return count, []
    return count, [f"p {values}"]


def test_the_time_of_a_refusal_tells_nothing(app, attack, cases):
    attack(TIMING, *listened(app, cases(4000, 40_000)))


def test_a_comparison_that_stops_early_is_noticed(app, attack, monkeypatch):
    def stops_early(one, other):
        return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))

    monkeypatch.setattr(keys, "_digest", lambda secret: secret.encode())
    monkeypatch.setattr(keys, "compare_digest", stops_early)
    attack(TIMING, *listened(app, 4000), twin=True)
