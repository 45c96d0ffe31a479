"""The metrics of three real workers, of which one is killed: what was counted stays, what was going on does not."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.pictures import ALICE, photo
from tests.serving import served, wait_for

WORKERS, REQUESTS, WAITING = 3, 90, 30
PATIENCE_S = 30


def scraped(url):
    """The values of all series, by name and labels."""
    answer = requests.get(f"{url}/metrics", timeout=30)  # on a connection of its own: any worker answers
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(found, name, **labels):
    return sum(
        value for (series, has), value in found.items() if series == name and labels.items() <= dict(has).items()
    )


def counts(found):
    route = {"http_route": "/extract", "http_response_status_code": "200"}
    return (
        total(found, "http_server_request_duration_seconds_count", **route),
        total(found, "face_faces_total", operation="extract"),
        total(found, "face_stage_duration_seconds_count", stage="detect"),
        total(found, "face_queue_wait_seconds_count"),
    )


def pids(found):
    return {dict(labels)["pid"] for name, labels in found if name == "face_worker_resident_bytes"}


def until(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path):
    for number in range(1, WORKERS + 2):
        (tmp_path / f"ready-{number}").touch()
    settings = {"GATES": str(tmp_path), "WORKERS": str(WORKERS), "INFERENCE_LANES": "2"}
    with served(tmp_path, app="tests.gated:gated()", **settings) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        yield url


def begun(url):
    """A connection whose request waits for the rest of its body."""
    place = urlsplit(url)
    connection = socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S)
    head = "POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    connection.sendall(head.encode() + b"x" * 10)
    return connection


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_the_metrics_are_those_of_all_workers_also_after_one_is_killed(server, tmp_path):
    def extract(_):
        return requests.post(f"{server}/extract", files={"img": photo(ALICE)}, timeout=60).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(extract, range(REQUESTS))) == {200}
    assert all(counts(scraped(server)) == (REQUESTS,) * 4 for _ in range(12))
    found = scraped(server)
    assert total(found, "face_lanes") == 2 * WORKERS
    assert total(found, "face_lanes_busy") == total(found, "face_queue_length") == 0
    assert total(found, "face_model_ready", model="Dlib") == 1
    assert total(found, "face_app_info") == 1
    assert len(pids(found)) == WORKERS
    assert min(value for (name, _), value in found.items() if name == "face_worker_resident_bytes") > 1_000_000

    waiting = [begun(server) for _ in range(WAITING)]
    post = {"http_request_method": "POST"}
    until(lambda: total(scraped(server), "http_server_active_requests", **post) == WAITING)
    killed = (tmp_path / "began-2").read_text()
    os.kill(int(killed), signal.SIGKILL)
    until((tmp_path / f"began-{WORKERS + 1}").exists)
    until(lambda: len(pids(scraped(server))) == WORKERS)
    left = sum(map(is_open, waiting))
    assert 0 < left < WAITING
    found = scraped(server)
    assert total(found, "http_server_active_requests", **post) == left
    assert killed not in pids(found)
    assert all(counts(scraped(server)) == (REQUESTS,) * 4 for _ in range(12))
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(extract, range(REQUESTS))) == {200}
    assert counts(scraped(server)) == (2 * REQUESTS,) * 4
    for connection in waiting:
        connection.close()
