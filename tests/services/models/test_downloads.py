"""Fetching from a server that lies, drops and changes its mind."""

import bz2
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from services.models.catalogue.types import WeightFile
from services.models.downloads import FetchError
from services.models.weights import Weights
from tests.conftest import PROJECT
from tests.services.models.lying_server import lying_server

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = os.urandom(len(CONTENT))

MOST = 20 << 16  # bytes until a connection breaks, of whole reads


# Another process, which saves what it has after each read.
FETCHING = """
import pathlib, sys
from services.models import downloads as fetching
from services.models.catalogue.types import WeightFile
from services.models.weights import Weights
fetching._SAVED_BYTES = 1
Weights(pathlib.Path(sys.argv[1])).fetch(WeightFile("sub/model.onnx", (sys.argv[2],)), lambda done, total: None)
"""


def zipped(*names):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for name in names:
            files.writestr(name, CONTENT)
    return archive.getvalue()


@pytest.fixture(scope="module")
def running():
    with lying_server() as server:
        yield server


@pytest.fixture
def server(running):
    for known in (running.files, running.drops, running.tags, running.lies, running.asked):
        known.clear()
    running.files["/good"] = CONTENT
    return running


@pytest.fixture
def folder(tmp_path):
    return Weights(tmp_path)


def file_of(server, *paths, published=False):
    urls = tuple(f"{server.url}{path}" for path in paths)
    return WeightFile("sub/model.onnx", urls, **({"size": len(CONTENT), "sha256": SHA256} if published else {}))


def fetch(folder, file, progress=lambda done, total: None):
    folder.fetch(file, progress)
    return folder.path(file).read_bytes()


def left(tmp_path):
    """The files there are but those that are always there."""
    names = {name for _, _, names in os.walk(tmp_path) for name in names}
    return names - {"model.onnx", "weights.lock", ".fetching"}


def test_a_file_is_fetched_from_the_first_source_that_has_it(folder, server, tmp_path):
    server.files["/other"] = OTHER
    server.drops["/broken"], server.files["/broken"] = 0, CONTENT
    file = file_of(server, "/missing", "/broken", "/good", "/other")
    assert fetch(folder, file) == CONTENT
    assert [path for path, _ in server.asked] == ["/missing", "/broken", "/good"]
    assert left(tmp_path) == set()


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("suffix", ["bz2", "zip"])
def test_an_archive_is_unpacked(folder, server, tmp_path, suffix, published):
    server.files |= {"/good.bz2": bz2.compress(CONTENT), "/good.zip": zipped("model.h5")}
    assert fetch(folder, file_of(server, f"/good.{suffix}", published=published)) == CONTENT
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/bad.bz2", b"hello"),
        ("/cut.bz2", bz2.compress(CONTENT)[:-1000]),
        ("/bad.zip", b"hello"),
        ("/two.zip", zipped("a", "b")),
        ("/missing", None),
    ],
)
def test_a_source_that_has_nothing_of_use_leaves_nothing_behind(folder, server, tmp_path, path, content):
    if content is not None:
        server.files[path] = content
    with pytest.raises(FetchError, match=path):
        fetch(folder, file_of(server, path))
    assert left(tmp_path) == set()
    assert not folder.path(file_of(server, path)).exists()


@pytest.mark.parametrize("published", [False, True])
def test_a_connection_that_breaks_is_gone_on_with_where_it_broke(folder, server, tmp_path, published):
    server.drops["/good"] = MOST
    seen = []
    assert fetch(folder, file_of(server, "/good", published=published), lambda *done: seen.append(done)) == CONTENT
    assert server.asked == [("/good", None), ("/good", f"bytes={MOST}-"), ("/good", f"bytes={2 * MOST}-")]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert left(tmp_path) == set()


def test_the_next_process_goes_on_with_what_has_come(folder, server, tmp_path):
    file = file_of(server, "/good", "/elsewhere")
    answers = []

    def once(handler, body):
        server.drops["/good"] = MOST
        if answers:  # the server is gone
            handler.close_connection = True
            return
        answers.append(handler.answer(body))

    server.lies["/good"] = once
    with pytest.raises(FetchError, match=r"good .*; .*elsewhere answered 404"):
        fetch(folder, file)
    assert not folder.path(file).exists()
    assert {name.rpartition(".")[2] for name in left(tmp_path)} == {"part", "json"}
    server.lies.clear(), server.drops.clear(), server.asked.clear()
    assert fetch(Weights(tmp_path), file) == CONTENT
    assert server.asked == [("/good", f"bytes={MOST}-")]
    assert left(tmp_path) == set()


def test_a_process_that_is_killed_loses_only_what_it_had_not_saved(folder, server, tmp_path):
    def stuck(handler, body):
        server.lies.clear()
        server.drops["/good"] = MOST
        handler.answer(body)
        server.drops.clear()
        gone.wait(30)

    gone, file = threading.Event(), file_of(server, "/good")
    server.lies["/good"] = stuck
    killed = subprocess.Popen([sys.executable, "-c", FETCHING, tmp_path, *file.urls], cwd=PROJECT)
    note = folder.path(file).parent
    deadline = time.monotonic() + 30
    while not (notes := [json.loads(path.read_text()) for path in note.glob(".*.json")]) or notes[0]["done"] < MOST:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    gone.set()
    server.asked.clear()
    assert fetch(folder, file) == CONTENT
    assert server.asked == [("/good", f"bytes={MOST}-")]
    assert left(tmp_path) == set()


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(folder, server):
    def changed(handler, body):
        server.lies.clear()
        handler.answer(body)
        server.tags["/good"], server.files["/good"] = '"2"', OTHER
        server.drops.clear()

    server.drops["/good"] = MOST
    server.lies["/good"] = changed
    assert fetch(folder, file_of(server, "/good")) == OTHER
    assert [wanted for _, wanted in server.asked] == [None, f"bytes={MOST}-"]


def test_without_a_version_nobody_goes_on_with_a_part(folder, server, tmp_path):
    server.drops["/good"], server.tags["/good"] = MOST, ""
    with pytest.raises(FetchError, match="broke the connection"):
        fetch(folder, file_of(server, "/good"))
    assert [wanted for _, wanted in server.asked] == [None]
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    "content_range", ["bytes 0-999999/3000000", f"bytes {MOST}-2999999/4000000", f"bytes {MOST}-2999998/3000000", "x"]
)
def test_another_part_than_was_asked_for_is_refused(folder, server, tmp_path, content_range):
    def lie(handler, body):
        handler.answer(body, 0 if handler.headers["Range"] is None else MOST, content_range=content_range)

    server.drops["/good"] = MOST
    server.lies["/good"] = lie
    with pytest.raises(FetchError, match="another range"):
        fetch(folder, file_of(server, "/good"))
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONTENT[:-1], r"has 2999999 bytes instead of 3000000"),
        (CONTENT + b"x", r"has 3000001 bytes instead of 3000000"),
        (bytes([CONTENT[0] ^ 1]) + CONTENT[1:], rf"expected SHA-256 {SHA256}, found [0-9a-f]{{64}}"),
    ],
    ids=["short", "long", "flipped"],
)
def test_what_is_not_the_published_file_is_refused_and_the_next_source_asked(folder, server, tmp_path, content, said):
    server.files["/wrong"] = content
    with pytest.raises(FetchError, match=said):
        fetch(folder, file_of(server, "/wrong", published=True))
    assert left(tmp_path) == set()
    assert fetch(folder, file_of(server, "/wrong", "/good", published=True)) == CONTENT


def test_an_endless_answer_of_no_stated_length_ends_at_the_published_size(folder, server, tmp_path):
    def endless(handler, _):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(100_000))
        except OSError:
            pass

    server.lies["/endless"] = endless
    with pytest.raises(FetchError, match="sent more than 3000000 bytes"):
        fetch(folder, file_of(server, "/endless", published=True))
    assert left(tmp_path) == set()


def test_what_the_first_fetch_brought_is_expected_of_every_later_one(folder, server, tmp_path):
    file = file_of(server, "/good")
    fetch(folder, file)
    folder.path(file).unlink()
    server.files["/good"] = OTHER
    with pytest.raises(FetchError, match=f"expected SHA-256 {SHA256}"):
        fetch(Weights(tmp_path), file)
    server.files["/good"] = CONTENT
    assert fetch(folder, file) == CONTENT


def test_a_file_that_is_here_and_right_is_not_asked_for_again_and_a_wrong_one_is(folder, server):
    file = file_of(server, "/good", published=True)
    fetch(folder, file)
    server.asked.clear()
    fetch(folder, file)
    assert server.asked == []
    folder.path(file).write_bytes(OTHER)
    assert fetch(folder, file) == CONTENT


def test_a_mirror_is_asked_in_place_of_the_published_sources(server, tmp_path):
    server.files["/mirror/sub/model.onnx"] = CONTENT
    file = file_of(server, "/good.bz2")
    folder = Weights(tmp_path, mirror=f"{server.url}/mirror/")
    assert fetch(folder, file) == CONTENT
    assert [path for path, _ in server.asked] == ["/mirror/sub/model.onnx"]


def test_a_mirror_may_be_a_folder_and_is_checked_as_well(server, tmp_path):
    (tmp_path / "mirror" / "sub").mkdir(parents=True)
    copy = tmp_path / "mirror" / "sub" / "model.onnx"
    folder = Weights(tmp_path, mirror=str(tmp_path / "mirror"))
    file = file_of(server, "/good", published=True)
    with pytest.raises(FetchError, match="does not exist"):
        fetch(folder, file)
    copy.write_bytes(OTHER)
    with pytest.raises(FetchError, match="expected SHA-256"):
        fetch(folder, file)
    copy.write_bytes(CONTENT)
    assert fetch(folder, file) == CONTENT
    assert copy.read_bytes() == CONTENT
    assert server.asked == []


def test_a_password_in_a_mirrors_url_is_in_no_message_and_on_no_disk(server, tmp_path):
    secret = server.url.replace("://", "://user:s3cret@")
    server.files["/sub/model.onnx"], server.drops["/sub/model.onnx"] = CONTENT, MOST
    server.lies["/sub/model.onnx"] = lambda handler, body: (
        handler.answer(body) if not handler.headers["Range"] else None
    )
    with pytest.raises(FetchError) as caught:
        fetch(Weights(tmp_path, mirror=secret), file_of(server, "/good"))
    assert "s3cret" not in str(caught.value)
    assert left(tmp_path)
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            assert b"s3cret" not in Path(folder, name).read_bytes()
