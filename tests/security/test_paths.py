"""Ways out of the folders that images may come from: by words, by links, and by swapping a folder meanwhile."""

import contextlib
import os
import socket
import subprocess
import sys
from collections import Counter

import pytest

from core.exceptions import ImageError, ImageSourceForbidden
from core.images import sources
from core.images.decoding import ImagePolicy
from core.images.sources import managed_image, read_encoded
from tests.conftest import KEY, open_below
from tests.pictures import ALICE, MASK, photo, write_photo
from tests.security.weakened import read_checked_first, read_joined

INSIDE, CANARY = photo(ALICE), photo(MASK)

# Below the folder of the test lie inside/people/alice.png, outside/canary.png and inside-evil/canary.png. `{top}` is
# the folder of the test, `{descriptor}` an open canary. HOME and the variable TOP name the folder as well.
ESCAPES = {
    "parent": "../outside/canary.png",
    "parent of a folder": "people/../../outside/canary.png",
    "parent of a file": "people/alice.png/../../../outside/canary.png",
    "parent of a missing folder": "missing/../../outside/canary.png",
    "parent behind a dot": "./.././outside/./canary.png",
    "parent with empty parts": "..//outside///canary.png",
    "many parents": "../" * 60 + "{top}/outside/canary.png",
    "parents beyond the longest path": "people/../" * 1000 + "../outside/canary.png",
    "filtered once": "....//outside/canary.png",
    "three dots": ".../outside/canary.png",
    "space behind the dots": ".. /outside/canary.png",
    "path parameter": "..;/outside/canary.png",
    "trailing slash": "../outside/canary.png/",
    "trailing dot": "../outside/canary.png/.",
    "query": "../outside/canary.png?.png",
    "fragment": "../outside/canary.png#.png",
    "glob": "../out*/canary.png",
    "other case": "../OUTSIDE/CANARY.PNG",
    "leading newline": "\n../outside/canary.png",
    "trailing newline": "../outside/canary.png\n",
    "carriage return": "../outside/canary.png\r",
    "leading space": " ../outside/canary.png",
    "percent": "%2e%2e%2foutside%2fcanary.png",
    "percent dots": "%2e%2e/outside/canary.png",
    "percent slash": "..%2foutside%2fcanary.png",
    "percent twice": "%252e%252e%252foutside%252fcanary.png",
    "overlong UTF-8": "..%c0%afoutside%c0%afcanary.png",
    "UTF-16 escape": "%u002e%u002e%u2215outside%u2215canary.png",
    "full-width dots": "\uff0e\uff0e/outside/canary.png",
    "full-width slash": "..\uff0foutside\uff0fcanary.png",
    "division slash": "..\u2215outside\u2215canary.png",
    "two dot leader": "\u2025/outside/canary.png",
    "lone surrogate": "../outside/\udcff/../canary.png",
    "backslash": "..\\outside\\canary.png",
    "mixed slashes": "people\\../../outside\\canary.png",
    "UNC": "\\\\localhost{top}\\outside\\canary.png",
    "drive": "C:{top}/outside/canary.png",
    "NUL before the suffix": "../outside/canary.png\0.png",
    "NUL before the parent": "people/alice.png\0/../../../outside/canary.png",
    "leading NUL": "\0../outside/canary.png",
    "absolute": "{top}/outside/canary.png",
    "two slashes": "/{top}/outside/canary.png",
    "three slashes": "//{top}/outside/canary.png",
    "host and path": "//localhost{top}/outside/canary.png",
    "absolute by the root": "{top}/inside/../outside/canary.png",
    "sibling of the same prefix": "{top}/inside-evil/canary.png",
    "relative sibling of the same prefix": "../inside-evil/canary.png",
    "prefix without slash": "-evil/canary.png",
    "password file": "/etc/passwd",
    "root of the process": "/proc/self/root{top}/outside/canary.png",
    "working directory of the process": "/proc/self/cwd/outside/canary.png",
    "environment of the process": "/proc/self/environ",
    "open descriptor": "/proc/self/fd/{descriptor}",
    "open descriptor by its other name": "/dev/fd/{descriptor}",
    "standard input": "/dev/stdin",
    "endless device": "/dev/zero",
    "file URI": "file://{top}/outside/canary.png",
    "file URI in capitals": "FILE://{top}/outside/canary.png",
    "file URI with host": "file://localhost{top}/outside/canary.png",
    "file URI without slashes": "file:{top}/outside/canary.png",
    "data URI": "data:{top}/outside/canary.png",
    "data URI of a path": "data:image/png,{top}/outside/canary.png",
    "data URI of a path as base64": "data:image/png;base64,{top}/outside/canary.png",
    "home": "~/outside/canary.png",
    "home of a user": "~root/{top}/outside/canary.png",
    "variable": "$TOP/outside/canary.png",
    "variable in braces": "${{TOP}}/outside/canary.png",
    "variable of Windows": "%TOP%/outside/canary.png",
    "command": "|cat {top}/outside/canary.png",
    "at sign": "@{top}/outside/canary.png",
    "nothing": "",
    "the root": ".",
    "folder": "people",
    "relative link": "links/relative.png",
    "absolute link": "links/absolute.png",
    "chained link": "links/chained.png",
    "link by the root": "links/detour.png",
    "link to a folder": "links/folder/canary.png",
    "absolute link to a folder": "links/elsewhere/canary.png",
    "link to the folder above": "links/up/inside-evil/canary.png",
    "parent of a linked folder": "links/folder/../outside/canary.png",
    "link to itself": "links/loop",
    "links to each other": "links/ping",
    "too many links": "links/step0",
    "link to the process": "links/process/outside/canary.png",
    "link to a descriptor": "links/descriptor",
    "link to standard input": "links/stdin",
    "pipe": "links/pipe",
    "socket": "socket",
    "device": "links/device",
}
LINKS = {
    "relative.png": "../../outside/canary.png",
    "absolute.png": "{top}/outside/canary.png",
    "chained.png": "relative.png",
    "detour.png": "../people/../../outside/canary.png",
    "folder": "../../outside",
    "elsewhere": "{top}/outside",
    "up": "../..",
    "loop": "loop",
    "ping": "pong",
    "pong": "ping",
    **{f"step{number}": f"step{number + 1}" for number in range(60)},
    "step60": "../../outside/canary.png",
    "process": "/proc/self/root{top}",
    "descriptor": "/proc/self/fd/{descriptor}",
    "stdin": "/dev/stdin",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folders, and what the templates above name."""
    for path in ("inside/people/alice.png", "outside/canary.png", "inside-evil/canary.png"):
        write_photo(tmp_path / path, ALICE if "alice" in path else MASK)
    links = tmp_path / "inside" / "links"
    links.mkdir()
    for name in ("HOME", "TOP"):
        monkeypatch.setenv(name, str(tmp_path))
    with open(tmp_path / "outside" / "canary.png", "rb") as canary, socket.socket(socket.AF_UNIX) as listener:
        names = {"top": str(tmp_path), "descriptor": canary.fileno()}
        for name, target in LINKS.items():
            os.symlink(target.format(**names), links / name)
        os.mkfifo(links / "pipe")
        with contextlib.suppress(PermissionError):  # without it, it is a missing file
            os.mknod(links / "device", 0o20666, os.makedev(1, 5))
        monkeypatch.chdir(tmp_path / "inside")
        listener.bind("socket")  # an address is at most 108 bytes long, the whole path may be longer
        monkeypatch.chdir(tmp_path)
        yield names


@pytest.fixture
def root(tmp_path):
    return ImagePolicy(max_bytes=100_000, max_pixels=1_000_000, roots=(str(tmp_path / "inside"),))


def breaches(read, source):
    """What `read` gave for `source`, where it should have refused."""
    try:
        content = read(source)
    except ImageError:
        return []
    except Exception as error:
        return [f"{source!r}: {error!r}"]
    return [f"{source!r}: {len(content)} bytes"]


def test_no_way_out(place, root, attack):
    def opened(source):
        with managed_image(source, field="img", policy=root) as image:
            return image

    found = []
    for template in ESCAPES.values():
        source = template.format(**place)
        found += breaches(lambda source: read_encoded(source, root), source) + breaches(opened, source)
    attack("paths: kinds of escape", 2 * len(ESCAPES), found)


@pytest.fixture
def ask(make_app, tmp_path):
    """Asks for the image at a path; gives the status, or nothing where that is a refusal."""
    client = make_app(images_path=str(tmp_path / "inside"), api_keys=(KEY,)).test_client()
    client.environ_base["HTTP_X_API_KEY"] = KEY
    options = {"detector_backend": "skip", "enforce_detection": False}

    def ask(source):
        status = client.post("/extract", json={"img": source, **options}).status_code
        return [] if 400 <= status < 500 else [f"{source!r}: {status}"]

    assert ask("people/alice.png") == ["'people/alice.png': 200"]
    return ask


def test_no_way_out_over_http(place, ask, attack):
    found = [breach for template in ESCAPES.values() for breach in ask(template.format(**place))]
    attack("paths: kinds of escape, over HTTP", len(ESCAPES), found)


# Read without a guard they would wait, or read on and on.
WAITING = ("standard input", "link to standard input", "pipe")


def test_escape_twin(place, root, attack):
    found = [
        breach
        for name in ESCAPES.keys() - WAITING
        for breach in breaches(lambda s: read_joined(s, root), ESCAPES[name].format(**place))
    ]
    attack("paths: kinds of escape", 0, found, twin=True)


def test_escape_over_http_twin(place, ask, attack, monkeypatch):
    monkeypatch.setattr(sources, "read_encoded", read_joined)
    found = [breach for name in ESCAPES.keys() - WAITING for breach in ask(ESCAPES[name].format(**place))]
    absolute = f"'{place['top']}/outside/canary.png': 200"
    attack(
        "paths: kinds of escape, over HTTP", 0, found, twin=True, noticing=["'../outside/canary.png': 200", absolute]
    )


# Puts the second of two names in place of the first, and back, as fast as it can.
SWAP = """
import os, sys
there, trap = sys.argv[1:]
aside = there + ".aside"
print(flush=True)
while True:
    os.rename(there, aside)
    os.rename(trap, there)
    os.rename(there, trap)
    os.rename(aside, there)
"""


@pytest.fixture(params=["folder", "file"])
def swapped(request, tmp_path):
    """The path of a photo in the root, where another process swaps its folder, or itself, for a link outside; and what
    that is called."""
    for path, colour in (("inside/people/photo.png", ALICE), ("outside/photo.png", MASK)):
        write_photo(tmp_path / path, colour)
    there = tmp_path / "inside" / "people"
    trap, target = tmp_path / "inside" / "trap", "../outside"
    if request.param == "file":
        there, trap, target = there / "photo.png", there / "trap.png", "../../outside/photo.png"
    os.symlink(target, trap)
    command = [sys.executable, "-c", SWAP, str(there), str(trap)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attacker:
        attacker.stdout.readline()
        yield "people/photo.png", f"paths: {request.param} swapped for a link while it is opened"
        attacker.kill()


def race(read, source, least, until):
    """How often each content or error came in `least` tries; in more, while one of `until` has not come."""
    seen = Counter()
    for number in range(100 * least):
        if number >= least and all(seen[outcome] for outcome in until):
            break
        try:
            seen[read(source)] += 1
        except ImageError as error:
            seen[error.code] += 1
    return seen


def test_race(swapped, root, attack, cases, tmp_path):
    source, name = swapped
    won = {INSIDE, ImageSourceForbidden.code}  # by the photo, and by the link
    seen = race(lambda source: read_encoded(source, root), source, cases(2000, 25_000), until=won)
    assert open_below(tmp_path) == []
    assert set(seen) - {CANARY} >= won
    attack(name, cases(2000, 25_000), ["canary"] * seen[CANARY])


def test_race_twin(swapped, root, attack):
    source, name = swapped
    seen = race(lambda source: read_checked_first(source, root), source, 2000, until=[CANARY])
    attack(name, seen.total(), ["canary"] * seen[CANARY], twin=True)


def test_the_canary_is_another_picture(policy):
    with managed_image(INSIDE, field="img", policy=policy) as inside:
        colours = inside.tolist()
    with managed_image(CANARY, field="img", policy=policy) as canary:
        assert colours != canary.tolist()
