"""Damaged, hostile and gigantic image files against the real server."""

import base64
import contextlib
import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.conftest import KEY, PROJECT
from tests.containers import chunk, many_code_tables, png, zeros
from tests.security.bombs import bombs
from tests.security.mutations import mutated, seeds
from tests.security.weakened import GROWN_BYTES
from tests.serving import served, wait_for

CLIENTS = 2
MAX_IMAGE_BYTES = 10_485_760
MAX_IMAGE_PIXELS = 4_000_000

# Of each client's request: the body, as base64 and decoded; a decoder holds up to 12 bytes per pixel (an animation's
# canvas and frame as RGBA, and BGR), the answer as much again (the crop, its PNG, base64 and JSON).
REQUEST_BYTES = 4 * MAX_IMAGE_BYTES + 24 * MAX_IMAGE_PIXELS
# A lossless WebP of any size may need 65,536 groups of five Huffman tables of 256 four-byte entries.
CODE_TABLES_BYTES = 65_536 * 5 * 256 * 4

# REQUEST_TIMEOUT_S of the server: what a request may take, however damaged its image. The client waits longer, to tell.
DEADLINE_S = 30
CLIENT_TIMEOUT_S = 60

MUTATED = "images: mutated files in 17 formats"
BOMBS = "images: bombs and odd headers"
TABLES = "images: code tables of lossless WebP"

CLIENT_ERRORS = {
    "image_decode_error": 400,
    "image_source_forbidden": 403,  # base64 of no image is taken for a path
    "image_too_large": 413,
    "validation_error": 422,
}
OPTIONS = {"detector_backend": "skip", "enforce_detection": False}


class Target:
    """A server under attack; it answers with what got through."""

    def __init__(self, url, log, folder, deadline_s=DEADLINE_S):
        self.url = url
        self._deadline_s = deadline_s
        self._log = log
        self._leaks = ("Traceback", "site-packages", str(PROJECT), str(folder))
        self._worker = self._workers()[0]

    def breaches(self, files, *, growth=CLIENTS * REQUEST_BYTES):
        """What the (description, content) `files` did that they must not; `growth` is the memory they may cost."""
        limit = self._memory("VmRSS") + growth
        with ThreadPoolExecutor(CLIENTS) as clients:
            found = [breach for breach in clients.map(self._send, itertools.count(), files) if breach]
        peak = self._memory("VmHWM")
        if peak is None or self._workers() != [self._worker]:
            return [*found, "the worker died"]
        return [*found, f"{peak} bytes of memory, {limit} allowed"] if peak > limit else found

    def _send(self, number, file):
        description, content = file
        started = time.monotonic()
        try:
            answer = self._post(number % 3, content)
            body = answer.json()
        except requests.RequestException as error:
            return f"{description}: {type(error).__name__}"
        expected = 200 if body["success"] else CLIENT_ERRORS.get(body["error_code"])
        if answer.status_code != expected or any(leak in answer.text for leak in self._leaks):
            return f"{description}: {answer.status_code} {answer.text[:300]}"
        took_s = time.monotonic() - started
        return f"{description}: took {took_s:.1f} s" if took_s > self._deadline_s else None

    def _post(self, way, content):
        url, head = f"{self.url}/extract", {"X-API-Key": KEY}
        if way == 0:
            text = base64.b64encode(content).decode()
            return requests.post(url, json={"img": text, **OPTIONS}, headers=head, timeout=CLIENT_TIMEOUT_S)
        if way == 1:
            return requests.post(url, data=OPTIONS, files={"img": content}, headers=head, timeout=CLIENT_TIMEOUT_S)
        head["Content-Type"] = "image/jpeg"
        return requests.post(url, content, params=OPTIONS, headers=head, timeout=CLIENT_TIMEOUT_S)

    def _workers(self):
        return re.findall(r"Booting worker with pid: (\d+)", self._log.read_text())

    def _memory(self, name):
        """Of the worker, in bytes; None once it has none."""
        with contextlib.suppress(FileNotFoundError):
            status = Path(f"/proc/{self._worker}/status").read_text()
            if match := re.search(rf"{name}:\s+(\d+) kB", status):
                return int(match[1]) * 1024
        return None


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    limits = {"MAX_IMAGE_PIXELS": str(MAX_IMAGE_PIXELS), "INFERENCE_LANES": "2"}
    with served(folder, API_KEYS=KEY, REQUEST_TIMEOUT_S=str(DEADLINE_S), **limits) as (url, log, _):
        wait_for(f"{url}/ready")
        yield Target(url, log, folder)


@pytest.fixture
def weak_target(tmp_path):
    app = "tests.security.weakened:without_header_check()"
    limits = {"MAX_IMAGE_PIXELS": "1000000000", "INFERENCE_LANES": "2"}
    with served(tmp_path, app=app, API_KEYS=KEY, **limits) as (url, log, _):
        wait_for(f"{url}/ready")
        yield Target(url, log, tmp_path)


@pytest.fixture
def obeying_target(tmp_path):
    """A server that does what an image says; it has a second for each."""
    with served(tmp_path, app="tests.security.weakened:obeying_images()", API_KEYS=KEY) as (url, log, _):
        wait_for(f"{url}/ready")
        yield Target(url, log, tmp_path, deadline_s=1)


def mutations(count):
    files = seeds()
    return ((f"mutation {number}", mutated(number, files)) for number in range(count))


def test_mutated_files(target, attack, cases):
    count = cases(1000, 20_000)
    attack(MUTATED, count, target.breaches(mutations(count)))


def test_mutated_files_twin(weak_target, attack):
    attack(MUTATED, 100, weak_target.breaches(mutations(100)), twin=True)


def test_each_check_can_fail(obeying_target, attack):
    told = {deed: (deed, b"\x89PNG\r\n\x1a\n" + deed.encode()) for deed in ("tell", "fail", "wait", "grow", "die")}
    die = told.pop("die")
    found = obeying_target.breaches(told.values(), growth=GROWN_BYTES // 2) + obeying_target.breaches([die])
    said = ["tell: 400", "fail: 500", "wait: took", "bytes of memory", "die: ", "the worker died"]
    attack(MUTATED, 0, found, twin=True, noticing=said)


def test_bombs(target, attack):
    files = list(bombs())
    attack(BOMBS, len(files), target.breaches(files))


def test_bombs_twin(weak_target, attack):
    side = 14_000
    bomb = png(side, side, chunk(b"IDAT", zeros(side * (side // 8 + 1))), depth=1, colour=0)
    attack(BOMBS, 1, weak_target.breaches([("bomb", bomb)]), twin=True)


def code_tables(*groups):
    return [(f"{count} groups", many_code_tables(count)) for count in groups]


def test_code_tables(target, attack):
    files = code_tables(1, 256, 65_536)
    growth = CLIENTS * (REQUEST_BYTES + CODE_TABLES_BYTES)
    attack(TABLES, len(files), target.breaches(files, growth=growth))


def test_code_tables_twin(weak_target, attack):
    """What the tables take is seen: with half of it allowed they are too much."""
    found = weak_target.breaches(code_tables(65_536), growth=CODE_TABLES_BYTES // 2)
    attack(TABLES, 0, found, twin=True, noticing=["bytes of memory"])
