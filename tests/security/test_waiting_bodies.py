"""Many large bodies that wait for a lane: what they keep in memory, counted."""

import json
import os
import threading
import time
import tracemalloc
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from services.access.admission import BodyBudget
from tests.pictures import ALICE, photo

NAME = "bodies: large ones that wait for a lane, by status and memory"
REQUESTS = 24
BUDGET_BYTES = 12_000_000
# A body that waits is in memory as text and as bytes, and up to three times while it is read.
MAX_MEMORY_BYTES = 3 * BUDGET_BYTES
IMAGE = photo(ALICE) + os.urandom(2_000_000)
TEXT = b64encode(IMAGE).decode()
PART = b'--B\r\nContent-Disposition: form-data; name="img"%s\r\n\r\n%s\r\n--B--\r\n'
KINDS = {
    "application/json": json.dumps({"img": TEXT}).encode(),
    "application/x-www-form-urlencoded": f"img={quote(TEXT, safe='')}".encode(),
    "multipart/form-data; boundary=B": PART % (b"", TEXT.encode()),
    "multipart/form-data;  boundary=B": PART % (b'; filename="a"', IMAGE),
    "image/png": IMAGE,
}


def waited(make_app, engine):
    """What was wrong while `REQUESTS` bodies of each kind wanted to wait."""
    app = make_app(inference_lanes=1, queue_max=REQUESTS, queue_max_bytes=BUDGET_BYTES)
    for kind, body in KINDS.items():
        engine.gate, refused = threading.Event(), []

        def ask(kind=kind, body=body, refused=refused):
            status = app.test_client().post("/extract", data=body, content_type=kind).status_code
            if status == 503:
                refused.append(status)
            return status

        tracemalloc.start()
        with ThreadPoolExecutor(REQUESTS) as pool:
            asked = [pool.submit(ask) for _ in range(REQUESTS)]
            fits = BUDGET_BYTES // len(body)
            until = time.monotonic() + 10
            while len(refused) < REQUESTS - fits and time.monotonic() < until:
                time.sleep(0.05)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            engine.gate.set()
            statuses = [one.result() for one in asked]
        if not 1 <= statuses.count(200) <= fits or statuses.count(200) + statuses.count(503) != REQUESTS:
            yield f"{kind}: answered {statuses}"
        if peak > MAX_MEMORY_BYTES:
            yield f"{kind}: {peak / BUDGET_BYTES:.1f} times the budget in memory"


def test_large_bodies_wait_within_the_budget(make_app, engine, attack):
    attack(NAME, REQUESTS * len(KINDS), list(waited(make_app, engine)))


def test_without_a_budget_they_fill_the_memory(make_app, engine, attack, monkeypatch):
    monkeypatch.setattr(BodyBudget, "add", lambda *_: True)
    monkeypatch.setitem(globals(), "KINDS", dict(list(KINDS.items())[:1]))
    attack(NAME, 0, list(waited(make_app, engine)), twin=True, noticing=["answered", "in memory"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_large_bodies_is_returned(client, kind, monkeypatch):
    whole = KINDS[kind]
    broken = whole.replace(TEXT[:20].encode(), b"x" * 20).replace(IMAGE[:9], b"x" * 9)
    returned = []
    monkeypatch.setattr(
        "api.middleware.body_memory.release_unused", lambda: returned.append(tracemalloc.get_traced_memory()[0])
    )
    client.post("/extract", data=whole, content_type=kind)  # what a first request loads
    tracemalloc.start()
    for body, status in ((whole, 200), (broken, 400)):  # also if the request fails
        for _ in range(5):
            assert client.post("/extract", data=body, content_type=kind).status_code == status
    tracemalloc.stop()
    assert len(returned) >= 2
    assert max(returned) < len(IMAGE) // 4  # the memory is free before it is returned
