"""Photos that `/find` cannot search: they are counted by reason and named, and none is left out in silence."""

import json
import os

import pytest

from tests.conftest import assert_error
from tests.pictures import ALICE, photo, write_photo

RAW = {"data": photo(ALICE), "content_type": "image/png"}
FRESH = "/find?refresh=wait"
LARGE = 200_000

REASONS = {
    "empty.png": "no_face_detected",
    "damaged.jpg": "image_decode_error",
    "zero.png": "image_decode_error",
    "scan.jxl": "unsupported_format",
    "anim.gif": "unsupported_format",
    "large.png": "image_too_large",
    "out.png": "outside_folder",
    "folder": "linked_folder",
    "M\\xfcller/1.png": "name_not_utf8",
}


@pytest.fixture
def mixed(photos, tmp_path):
    """A folder with a photo for each reason, and two that can be searched."""
    write_photo(photos / "alice" / "1.png", ALICE)
    (photos / "alice" / "2.jfif").write_bytes(photo(ALICE))
    write_photo(photos / "empty.png")
    (photos / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    (photos / "zero.png").write_bytes(b"")
    (photos / "scan.jxl").write_bytes(b"\xff\x0a".ljust(100, b"\0"))
    (photos / "anim.gif").write_bytes(b"GIF89a".ljust(100, b"\0"))
    (photos / "large.png").write_bytes(photo(ALICE) + bytes(LARGE))
    (photos / "notes.txt").write_bytes(b"notes")
    write_photo(tmp_path / "secret" / "1.png", ALICE)
    os.symlink("../secret/1.png", photos / "out.png")
    os.symlink("../secret", photos / "folder")
    os.makedirs(os.fsencode(photos) + b"/M\xfcller")
    with open(os.fsencode(photos) + b"/M\xfcller/1.png", "wb") as file:
        file.write(photo(ALICE))
    return photos


def index_of(client, query=""):
    (index,) = client.get(f"/find/indexes{query}").json["indexes"]
    return index


def failures(index):
    return {entry["photo"]: entry["reason"] for entry in index["failures"]}


def told(capsys):
    """The photos that the log has told about since the last call."""
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return [line["photo"] for line in lines if line["message"] == "photo not indexed"]


def test_each_is_counted_by_reason_and_named_and_none_is_pending(make_app, mixed, engine, capsys):
    client = make_app(max_image_bytes=LARGE, faces_db_refresh_s=0).test_client()
    embedded = engine.embedded
    for _ in range(3):
        answer = client.post(FRESH, **RAW).json
        assert [os.path.relpath(row["identity"], mixed) for row in answer["result"][0]] == [
            "alice/1.png",
            "alice/2.jfif",
        ]
        assert answer["pending"] == 0
    assert engine.embedded == embedded + 2 + 3
    index = index_of(client)
    counts = {reason: list(REASONS.values()).count(reason) for reason in REASONS.values()}
    assert (index["failed"], index["pending"], index["state"]) == (counts, 0, "ready")
    assert "failures" not in index
    assert failures(index_of(client, "?failed=true")) == REASONS
    assert sorted(told(capsys)) == sorted(REASONS.keys() - {"empty.png"})
    assert_error(client.get("/find/indexes?failed=perhaps"), 422, "validation_error", "failed")


def test_those_in_an_index_are_known_after_a_restart_and_not_told_again(make_app, mixed, engine, capsys):
    make_app(max_image_bytes=LARGE).test_client().post(FRESH, **RAW)
    told(capsys)
    client = make_app(max_image_bytes=LARGE).test_client()
    index = index_of(client, "?failed=true")
    assert index["state"] == "stored"
    assert failures(index) == REASONS
    client.post(FRESH, **RAW)
    in_use = index_of(client, "?failed=true")
    assert (failures(in_use), in_use["failed"]) == (REASONS, index["failed"])
    assert sorted(told(capsys)) == ["M\\xfcller/1.png", "folder", "out.png"]  # which are in no index


def test_a_larger_limit_has_them_tried_again_and_a_mended_photo_is_found(make_app, mixed):
    make_app(max_image_bytes=LARGE).test_client().post(FRESH, **RAW)
    client = make_app(max_image_bytes=10 * LARGE, faces_db_refresh_s=0).test_client()
    assert len(client.post(FRESH, **RAW).json["result"][0]) == 3
    assert "image_too_large" not in index_of(client)["failed"]
    (mixed / "damaged.jpg").write_bytes(photo(ALICE))
    assert len(client.post(FRESH, **RAW).json["result"][0]) == 4
    assert index_of(client)["failed"]["image_decode_error"] == 1


def test_the_answer_names_so_many_and_those_without_a_face_last(make_app, photos, monkeypatch):
    monkeypatch.setattr("services.find.indexes._MAX_FAILURES", 3)
    for number in range(5):
        write_photo(photos / f"{number}.png")
    for name in ("x.png", "y.png"):
        (photos / name).write_bytes(b"")
    client = make_app().test_client()
    client.post(FRESH, **RAW)
    index = index_of(client, "?failed=true")
    assert [entry["photo"] for entry in index["failures"]] == ["x.png", "y.png", "0.png"]
    assert index["failed"] == {"no_face_detected": 5, "image_decode_error": 2}


def test_a_build_reports_them_each_on_a_line(make_app, mixed):
    write_photo(mixed / "two\nlines.png")
    app = make_app(max_image_bytes=LARGE)
    lines = app.test_cli_runner().invoke(args=["index", "build", "--report"]).stdout.splitlines()
    assert dict(line.rsplit(": ", 1) for line in lines[:-1]) == REASONS | {"two\\nlines.png": "no_face_detected"}
    assert lines[-1].startswith("8 photos, 2 faces, ") or lines[-1].startswith("9 photos, 2 faces, ")
    assert lines[-1].endswith("; 0 pending")
    quiet = app.test_cli_runner().invoke(args=["index", "build"]).stdout.splitlines()
    assert quiet == lines[-1:]
