"""Options are resolved at the door of a service, once a request, however many faces or photos there are."""

import sys
from collections import Counter

import pytest

from schemas.common import ComparisonOptions, Request
from services.faces.options import Defaults
from tests.api.v1.test_gallery import register, text
from tests.pictures import ALICE, ALICIA, BOB, write_photo

MANY = text(ALICE, ALICIA, BOB)
OPTIONS = {"detector_backend", "model_name", "alignment", "detection", "normalization", "distance_metric", "threshold"}

ASKED = {
    "/verify": {"img1": MANY, "img2": MANY},
    "/analyze": {"img": MANY},
    "/represent": {"img": MANY},
    "/extract": {"img": MANY},
    "/quality": {"img": MANY},
    "/compare": {"img": MANY, "target_vectors": [[0.5] * 4096] * 3},
    "/find": {"img": MANY, "similarity_search": True},
    "/register": {"img": text(ALICIA), "name": "Alicia", "on_duplicate": "merge"},
    "/identify": {"img": MANY, "top_k": 9},
    "/recognize": {"img": MANY},
}


@pytest.fixture
def resolved(monkeypatch):
    """The requests whose options were resolved."""
    found = []
    for name in ("plan", "embedding_plan"):
        original = getattr(Defaults, name)

        def counting(self, options, *, original=original):
            found.append(options)
            return original(self, options)

        monkeypatch.setattr(Defaults, name, counting)
    return found


@pytest.mark.parametrize("path", ASKED)
def test_a_request_resolves_its_options_once(client, photos, resolved, path):
    for number in range(5):
        write_photo(photos / f"{number}.png", ALICE, BOB)
    register(client, ALICE, name="Alice")
    resolved.clear()
    answer = client.post(path, json=ASKED[path])
    assert answer.status_code in (200, 201), answer.json
    assert len(resolved) == 1


def test_only_the_defaults_read_the_options_of_a_request(client, photos, monkeypatch):
    readers = Counter()
    original = Request.__getattribute__

    def watching(self, name):
        if name in OPTIONS:
            readers[sys._getframe(1).f_globals["__name__"]] += 1
        return original(self, name)

    write_photo(photos / "alice.png", ALICE)
    register(client, ALICE, name="Alice")
    monkeypatch.setattr(ComparisonOptions, "__getattribute__", watching)
    for path in ("/verify", "/find", "/identify"):
        readers.clear()
        assert client.post(path, json=ASKED[path]).status_code == 200
        assert readers.keys() == {"services.faces.options"}
        assert readers.total() <= 3 * len(OPTIONS), path
