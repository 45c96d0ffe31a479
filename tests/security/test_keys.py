"""Guessing and bending keys: on every route in every shape, and listening to how long a refusal takes."""

import gc
import random
import re
import secrets
import string
import time
from contextlib import suppress
from functools import partial
from statistics import median

import pytest
from flask import request
from scipy.stats import mannwhitneyu

from api.context import services_of
from api.middleware import authentication
from api.route import route_of
from api.views import views
from core.scopes import Scope
from services.access import keys
from tests.api.v1.test_gallery import UNKNOWN
from tests.conftest import KEY

SHAPES = "keys: every route, 20 shapes, among them two lines of one header, random and edited keys"
TIMING = "keys: time of a refusal, first or last byte wrong (Mann-Whitney p > 0.01), id known or not"
SHAPES_EACH = 20
REFUSED = (400, 401, 429)
MIN_P = 0.01
UNHEARD_NS = 100  # ids are no secrets; one that is found in a dictionary or not makes some nanoseconds
LETTERS = string.ascii_letters + string.digits
ROUNDS = 8  # a fair coin falls below MIN_P once in a hundred, more often on a busy machine; a leak does each time


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
    """Twenty ways of sending no key: `token`, a wrong one, or `valid`, which must not be sent so; each as its header
    lines."""
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
        [("x-api-key", wrong), ("X-API-Key", valid)],
        {"Authorization": f"Bearer{valid}"},
        [("Authorization", f"Bearer {valid}"), ("authorization", f"Bearer {wrong}")],
        {"Authorization": f"Bearer {valid} {wrong}"},
        {"Authorization": f'Bearer "{valid}"'},
        [("X-API-Key", valid), ("X-API-Key", wrong)],
        {"X-API-Key": f"Bearer {valid}"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer "},
        {"X_API_Key_": valid},
        {"Cookie": f"X-API-Key={valid}; api_key={valid}"},
        {"X-Forwarded-Authorization": f"Bearer {valid}", "X-Original-URL": "/health"},
    ]


def turns(routes, rng):
    """All routes, and then all again, each time in another order."""
    while True:
        yield from rng.sample(routes, len(routes))


def attacked(app, count):
    """How often it was tried, at least so often and on every route, and with what somebody got in, or was kept out with
    a valid key."""
    rng = random.Random(count)
    client = app.test_client()
    made, token = services_of(app).access.keys.create("the attacked", Scope)
    routes = [
        (method, re.sub(r"{\w+}", UNKNOWN, path)) for method, path, view in views(app) if not route_of(view).is_public
    ]
    breaches = []
    tries = 0
    for method, path in turns(routes, rng):
        if tries >= count and tries >= len(routes) * SHAPES_EACH:
            return tries, breaches
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
        for lines in shapes(guess, rng.choice([KEY, token]), rng):
            headers = list(lines.items()) if isinstance(lines, dict) else lines
            # werkzeug's client sends latin-1
            sane = [(name, value.encode("utf-8").decode("latin-1")) for name, value in headers]
            response = client.open(path, method=method, headers=sane, query_string={"api_key": token})
            tries += 1
            if response.status_code not in REFUSED:
                breaches.append(f"{method} {path}: {response.status_code} with {headers}")
    raise AssertionError("routes have turns without end")


def test_no_wrong_key_gets_in_and_every_valid_one_does(app, attack, cases):
    attack(SHAPES, *attacked(app, cases(300, 10_000)))


def test_a_careless_comparison_is_noticed(app, attack, monkeypatch):
    monkeypatch.setattr(keys, "compare_digest", lambda *_: True)
    attack(SHAPES, *attacked(app, 300), twin=True)


def test_a_service_that_takes_the_first_of_two_lines_is_noticed(app, attack, monkeypatch):
    monkeypatch.setattr(authentication, "sent_key", lambda: request.headers.get("X-API-Key", "").partition(",")[0])
    attack(SHAPES, *attacked(app, 300), twin=True)


def bent(token, place):
    """The key with another letter at that place."""
    letter = secrets.choice([one for one in LETTERS if one != token[place]])
    return token[:place] + letter + token[place:][1:]


def by_unknown(token):
    """The key under an id that there is not."""
    prefix, number, secret = token.split("_", 2)
    return f"{prefix}_{secrets.token_hex(len(number) // 2)}_{secret}"


def refusals(service, *guesses, count):
    """Nanoseconds that the thread worked for a refusal, of so many new guesses of each of two kinds, in turn."""
    took = [], []
    # All before, since what made one leaves its traces, and the kinds mixed, or they would lie in memory of their own.
    made = [[guess() for guess in guesses] for _ in range(count)]
    gc.disable()
    try:
        for number in range(count):
            for kind in (0, 1) if number % 2 else (1, 0):
                guess = made[number][kind]
                started = time.thread_time_ns()  # whom the machine runs meanwhile is no matter of the key's
                with suppress(keys.Unauthorized):
                    service.caller(guess)
                took[kind].append(time.thread_time_ns() - started)
    finally:
        gc.enable()
    return took


def listened(app, count):
    """How often, and what the times gave away: each time the same, as chance does not."""
    service = services_of(app).access.keys
    token = service.create("the attacked", Scope)[1]
    secret = token.index("_", len("fsk_")) + 1
    last = partial(bent, token, len(token) - 1)
    kinds = {
        "a key of the store": (partial(bent, token, secret), last, 0),
        "a key of the setting": (partial(bent, KEY, 0), partial(bent, KEY, len(KEY) - 1), 0),
        "an id": (partial(by_unknown, token), last, UNHEARD_NS),
    }
    return count * len(kinds), [name for name, kind in kinds.items() if differ(service, *kind, count=count // 2)]


def differ(service, one, other, least_ns, *, count):
    """Whether one of the two kinds of guesses takes longer, by so much, in every round the same one."""
    slower = set()
    for _ in range(ROUNDS):
        took = refusals(service, one, other, count=count)
        difference = median(took[0]) - median(took[1])
        slower.add(difference > 0)
        if mannwhitneyu(*took).pvalue > MIN_P or abs(difference) < least_ns or len(slower) > 1:
            return False
    return True


def test_the_time_of_a_refusal_tells_nothing(app, attack, cases):
    attack(TIMING, *listened(app, cases(4000, 40_000)))


def test_a_comparison_that_stops_early_is_noticed(make_app, attack, monkeypatch):
    def stops_early(one, other):
        return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))

    monkeypatch.setattr(keys, "_digest", lambda secret: secret.encode())
    monkeypatch.setattr(keys, "compare_digest", stops_early)
    tries, told = listened(make_app(api_keys=(KEY,)), 4000)
    attack(TIMING, tries, told, twin=True)
    assert told == ["a key of the store", "a key of the setting", "an id"]
