"""Hostile requests over raw sockets to the real server: each is refused, and the worker is as it was."""

import contextlib
import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import KEY
from tests.discretion import hear
from tests.pictures import ALICE, photo
from tests.security.bodies import (
    CODING,
    FINE,
    FORM,
    HTTP,
    IN_FORMS,
    IN_JSON,
    JSON,
    MILLION,
    MULTIPART,
    PNG,
    REFUSED,
    TYPES,
    post,
)
from tests.serving import served, wait_for

GROUPS = {
    "bodies: hostile JSON": IN_JSON,
    "bodies: hostile forms": IN_FORMS,
    "bodies: hostile types and codings": TYPES,
    "bodies: hostile HTTP": HTTP,
}
LARGE_BODIES = "bodies: 100 MB"
WITHOUT_GUARDS = {
    "app": "tests.security.weak_bodies:app",
    # Gunicorn's own.
    "GUNICORN_CMD_ARGS": "--permit-obsolete-folding --permit-unconventional-http-method"
    " --permit-unconventional-http-version --limit-request-line 0 --limit-request-field_size 0",
}

# 100 MB as each kind of body: the head, what is sent a hundred times, and what may be answered.
MEGABYTE = b"a" * MILLION
LARGE = [
    *((f"{kind}, declared", post(kind=kind, length=100 * MILLION), MEGABYTE, "request_too_large") for kind in
      (JSON, FORM, MULTIPART, PNG)),
    ("undeclared", post(kind=JSON, length=""), MEGABYTE, "validation_error"),
    ("in chunks", post("", f"{CODING}chunked", length=""), b"f4240\r\n%s\r\n" % MEGABYTE, "length_required"),
]  # fmt: skip
ROUNDS = 3
WHOLE = {"detector_backend": "skip", "enforce_detection": "false"}  # the picture is the face
MAX_GROWTH_BYTES = 16 * MILLION  # of the worker's memory, over 1.8 GB sent to it
MAX_GROWTH_PARSED_BYTES = 100 * MILLION  # of the same over all of a group, whose largest body has 12 MB
LONGEST_ERROR = 2000
PATIENCE_S = 30
CLOSING_S = 60  # until connections that were given up are closed
TWINS_PATIENCE_S = 2
MAX_NEW_THREADS = 8  # of the pool's 80 or more


class Worker:
    """The one worker of a server: where it listens, and what the kernel says of it."""

    def __init__(self, url, log):
        self.address = ("127.0.0.1", int(url.rpartition(":")[2]))
        (self.pid,) = re.findall(r"Booting worker with pid: (\d+)", log.read_text())

    def status(self, name):
        """A number of /proc/…/status."""
        return int(re.search(rf"^{name}:\s*(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)[1])

    def peak_bytes(self, *, afresh=False):
        """The most memory it had; `afresh` counts from now."""
        if afresh:
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self.status("VmHWM") * 1024

    def files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextlib.contextmanager
def serving(folder, **changes):
    with served(folder, ALLOW_URLS="false", API_KEYS=KEY, **changes) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        yield url, log, Worker(url, log)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("bodies")) as running:
        yield running


@pytest.fixture(scope="module")
def weak_server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("weak"), **WITHOUT_GUARDS) as running:
        yield running


@contextlib.contextmanager
def left_behind(url, log, worker, *, growth_bytes, closing_s=CLOSING_S):
    """A list that says after the block what is not as it was: the same worker answers, with no connection left open, no
    threads to speak of, no more than `growth_bytes` of memory meanwhile, and a log of whole lines."""
    found = []
    files, threads, before = worker.files(), worker.status("Threads"), worker.peak_bytes(afresh=True)
    yield found
    if log.read_text().count("Booting worker") != 1:
        found.append("another worker")
        return
    if (growth := worker.peak_bytes() - before) > growth_bytes:
        found.append(f"{growth / MILLION:.0f} MB more memory")
    head = {"Connection": "close", "X-API-Key": KEY}
    answer = requests.post(f"{url}/extract", files={"img": photo(ALICE)}, data=WHOLE, headers=head, timeout=60)
    if answer.status_code != 200 or answer.json()["faces_found"] != 1:
        found.append(f"it answers {answer.status_code}")
    deadline = time.monotonic() + closing_s
    while worker.files() > files and time.monotonic() < deadline:
        time.sleep(0.1)
    if worker.files() > files:
        found.append(f"{worker.files() - files} connections stay open")
    if worker.status("Threads") > threads + MAX_NEW_THREADS:
        found.append(f"{worker.status('Threads') - threads} more threads")
    found += [f"in the log: {line}" for line in log.read_text().splitlines() if not is_object(line)]


def is_object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def answers_to(address, pieces, *, hangs_up=False, patience_s=PATIENCE_S):
    """All that comes back before the server closes, as (head, body) pairs."""
    received = b""
    with socket.create_connection(address, timeout=patience_s) as connection, contextlib.suppress(ConnectionError):
        with contextlib.suppress(ConnectionError):  # it need not read to the end what it refuses
            for piece in pieces:
                connection.sendall(piece)
            if hangs_up:
                connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            received += piece
    received = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
        length = int(length[1]) if length else len(rest)
        hear("", f"{head.decode('latin-1')} {rest[:length].decode('latin-1')}")
        yield head.decode("latin-1"), rest[:length]
        received = rest[length:]


def outcome(head, body):
    """What an answer is: an error code, FINE, REFUSED, or what is wrong with it."""
    status = int(head[9:12])
    headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
    if "x-request-id" not in headers:  # gunicorn's own
        refused = headers.get("connection") == "close" and (400 <= status < 500 or status == 501)
        return REFUSED if refused else f"{status} of gunicorn"
    answer = json.loads(body)
    is_error = (
        400 <= status < 500
        and set(answer) == {"success", "error_code", "message", "request_id", "details"}
        and answer["success"] is False
        and answer["request_id"] == headers["x-request-id"]
        and len(body) < LONGEST_ERROR
    )
    has_own_id = re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])
    if has_own_id and (is_error or status == 200):
        return answer["error_code"] if is_error else FINE
    return f"{status}, id {headers['x-request-id']!r:.40}, {len(body)} bytes: {body[:80]}"


def breaches(address, group, **options):
    """What each hostile request that was not refused as it should be got instead."""
    found = []
    for hostile in group:
        try:
            answers = answers_to(address, [hostile.sent], hangs_up=hostile.hangs_up, **options)
            outcomes = tuple(outcome(*answer) for answer in answers) or (REFUSED,)
        except TimeoutError:
            outcomes = ("no answer",)
        if outcomes != hostile.answers:
            found.append(f"{hostile.name}: {', '.join(outcomes)}")
    return found


def greedy(worker, large):
    """Which of the large bodies is not refused as it should be, or takes memory."""
    found = []
    for name, head, piece, expected in large:
        before = worker.peak_bytes(afresh=True)
        outcomes = [outcome(*answer) for answer in answers_to(worker.address, [head, *[piece] * 100])]
        growth = worker.peak_bytes() - before
        found += [f"{name}: answered {outcomes}"] if outcomes[:1] != [expected] else []
        found += [f"{name}: {growth / MILLION:.0f} MB"] if growth > MAX_GROWTH_BYTES else []
    return found


@pytest.mark.parametrize("name", GROUPS)
def test_every_hostile_request_is_refused_and_leaves_nothing_behind(server, attack, name):
    with left_behind(*server, growth_bytes=MAX_GROWTH_PARSED_BYTES) as left:
        found = breaches(server[2].address, GROUPS[name])
    attack(name, len(GROUPS[name]), found + left)


@pytest.mark.parametrize("name", GROUPS)
def test_without_guards_they_get_through(weak_server, attack, name):
    attack(name, 0, breaches(weak_server[2].address, GROUPS[name], patience_s=TWINS_PATIENCE_S), twin=True)


def test_what_is_left_behind_is_noticed(tmp_path, attack):
    found = []
    with serving(tmp_path, app="tests.security.weakened:leaving_things()") as server:
        for thing in ("connections", "threads", "lines", "memory", "worker"):
            with left_behind(*server, growth_bytes=MAX_GROWTH_PARSED_BYTES, closing_s=1) as left:
                with contextlib.suppress(requests.ConnectionError):
                    requests.get(f"{server[0]}/leave/{thing}", timeout=10)
                wait_for(f"{server[0]}/health")
            assert left, thing
            found += left
    said = ["connections stay open", "more threads", "in the log: no JSON", "more memory", "another worker"]
    attack(next(iter(GROUPS)), 0, found, twin=True, noticing=said)


def test_a_hundred_megabytes_are_refused_before_they_are_read(server, attack):
    worker = server[2]
    resident = worker.status("VmRSS")
    with left_behind(*server, growth_bytes=MAX_GROWTH_BYTES) as left:
        found = greedy(worker, LARGE * ROUNDS)
    if (growth := (worker.status("VmRSS") - resident) * 1024) > MAX_GROWTH_BYTES:
        left.append(f"{growth / MILLION:.0f} MB stay")
    attack(LARGE_BODIES, len(LARGE) * ROUNDS, found + left)


def test_without_guards_a_hundred_megabytes_are_read(weak_server, attack):
    attack(LARGE_BODIES, 0, greedy(weak_server[2], LARGE[:2]), twin=True, noticing=["answered", " MB"])
