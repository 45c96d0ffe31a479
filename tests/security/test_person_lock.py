"""Trying to be taken for somebody, or to have somebody locked, by the threshold of the request."""

import random

from services.gallery import identification
from tests.api.v1.test_gallery import register
from tests.api.v1.test_person_lock import METRICS, MOST, STRANGER, attempt
from tests.pictures import ALICE, ALICIA

NAME = "person lock: attempts with thresholds, metrics and models of the attacker's choice"
ROUND = 20  # attempts at one person
LOW, ANY = (0, 1e-6, 0.001), (0, 1e-6, 0.001, 0.5, 1, 2, 1e9, None)
SPACES = ({}, {"model_name": "Facenet512"}, {"model_name": "ArcFace"})


def attempts(client, count):
    """How often it was tried, and who was compared more often than allowed, or locked without a miss."""
    rng = random.Random(count)
    breaches = []
    for number in range(count // (2 * ROUND)):
        for who, colour, thresholds in (("a stranger", STRANGER, ANY), ("the person", ALICIA, LOW)):
            name = f"Alice {number} {who}"
            (person,) = {register(client, ALICE, name, **space)["person_id"] for space in SPACES}
            statuses = [
                attempt(
                    client,
                    person,
                    colour,
                    threshold=rng.choice(thresholds),
                    # In the others Alicia is farther from Alice than the model's threshold.
                    distance_metric=rng.choice(METRICS if who == "a stranger" else ("cosine", "angular")),
                    **rng.choice(SPACES),
                ).status_code
                for _ in range(ROUND)
            ]
            compared = statuses.count(200)
            assert compared + statuses.count(429) == ROUND
            if who == "a stranger" and compared > MOST:
                breaches.append(f"a stranger was compared {compared} times")
            if who == "the person" and compared < ROUND:
                breaches.append("the person was locked")
    return count, breaches


def test_the_threshold_of_a_request_neither_avoids_the_lock_nor_sets_it(client, attack, cases):
    attack(NAME, *attempts(client, cases(400, 4000)))


def test_a_lock_that_trusts_the_request_is_noticed(client, attack, monkeypatch):
    monkeypatch.setattr(identification, "_is_own_match", lambda answer, *_: answer.verified)
    breaches = attempts(client, 400)[1]
    attack(NAME, 0, breaches, twin=True, noticing=["a stranger was compared", "the person was locked"])
