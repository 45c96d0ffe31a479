"""What a hostile body costs: processor seconds and bytes of memory, counted, against its own size."""

import time
import tracemalloc
from itertools import islice

import pytest
from flask import request

from tests.security.costly_bodies import SIZE, escapes, texts, values

GROUPS = {
    "bodies: escapes in forms, by processor time and memory": escapes,
    "bodies: values in JSON, forms and queries, by processor time and memory": values,
    "bodies: URLs and paths of megabytes, by processor time and memory": texts,
}
MAX_SECONDS = 1.5  # of the processor, for 2 MB under tracemalloc; ours take 0.1 s
MAX_MEMORY = 5  # times the body; ours take at most 4, for text that is not ASCII
SPARE_BYTES = 3_000_000  # of what a first request loads


def cost(client, case):
    """What was wrong with the answer to a case, and with what it took."""
    tracemalloc.start()
    started = time.process_time()
    answer = client.post(case.path, data=case.body, content_type=case.kind)
    seconds, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = f"{case.path[:20]} {case.kind} {case.name}"
    if answer.status_code not in case.statuses:
        yield f"{said}: answered {answer.status_code} {answer.text[:300]}"
    if seconds > MAX_SECONDS:
        yield f"{said}: {seconds:.1f} s"
    if peak > MAX_MEMORY * len(case.body) + SPARE_BYTES:
        yield f"{said}: {peak / len(case.body):.0f} times its size"


@pytest.mark.parametrize("name", GROUPS)
def test_a_hostile_body_costs_little(client, attack, name):
    client.post("/extract", json={})  # what a first request loads
    cases = list(GROUPS[name]())
    attack(name, len(cases), [said for case in cases for said in cost(client, case)])


def _read_request(model):
    """As most services read a body: all of it, before anything is counted."""
    return model.model_validate(request.get_json() if request.is_json else {**request.args, **request.form})


@pytest.mark.parametrize("name", GROUPS)
def test_a_service_that_counts_nothing_pays_for_it(client, attack, monkeypatch, name):
    monkeypatch.setattr("api.endpoint.read_request", _read_request)
    for limit in ("MAX_URL", "MAX_PATH"):
        monkeypatch.setattr(f"core.images.sources.{limit}", 10**9)
    cases = islice(GROUPS[name](SIZE // 8), 2)
    found = [said for case in cases for said in cost(client, case)]
    attack(name, 0, found, twin=True, noticing=[" s" if GROUPS[name] is texts else " times its size"])
