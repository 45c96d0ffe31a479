"""`/find` as a client and an operator see it: names of photos, and a folder that is read-only, hostile or empty."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.conftest import PROJECT, assert_error
from tests.deepface_files import NPZ, PKL
from tests.pictures import ALICE, ALICIA, BOB, MASK, photo, write_photo
from tests.security.hostile_pickles import executing

FRESH = "/find?refresh=wait"
KEPT = "photo folder is empty; its last index keeps answering. Mount its disk or run: face-service index prune"
RAW = {"data": photo(ALICE), "content_type": "image/png"}


@pytest.mark.parametrize(("setting", "begins"), [({}, True), ({"identity_paths": "relative"}, False)])
def test_identities_are_named_as_the_setting_says(make_app, photos, setting, begins):
    write_photo(photos / "alice" / "1.png", ALICE)
    ((row,),) = make_app(**setting).test_client().post("/find", **RAW).json["result"]
    assert row["identity"] == (str(photos / "alice" / "1.png") if begins else "alice/1.png")


ASK = """
import json, sys
from api.context import services_of
from api.factory import create_app
from tests.fakes import FakeEngine
from tests.pictures import ALICE, photo
app = create_app(engine=FakeEngine())
services_of(app).health.readiness.start()
assert services_of(app).health.readiness.wait(60)
try:
    open(sys.argv[1] + "/made", "w")
except OSError:
    answer = app.test_client().post("/find?refresh=wait", data=photo(ALICE), content_type="image/png")
    print(json.dumps(answer.json))
"""
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def test_a_photo_folder_that_cannot_be_written_is_searched(photos, tmp_path):
    write_photo(photos / "alice" / "1.png", ALICE)
    command = [sys.executable, "-c", ASK, str(photos)]
    if os.geteuid() == 0:  # whom permissions do not hold back
        if not shutil.which("unshare") or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
            pytest.skip("needs unshare, and the right to mount, to make a folder read-only for root")
        command = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(photos), *command]
    else:
        photos.chmod(0o555)
    settings = {"FACES_DB_PATH": str(photos), "DATA_PATH": str(tmp_path / "data"), "LOG_LEVEL": "ERROR"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)} | settings
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    photos.chmod(0o755)
    answer = json.loads(result.stdout or "null")
    assert answer, result.stderr
    assert [row["person"] for row in answer["result"][0]] == ["alice"]


def test_pickles_among_the_photos_are_never_loaded(make_app, photos, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(canary),)

    canary = tmp_path / "canary"
    write_photo(photos / "alice.png", ALICE)
    client = make_app(detection="deepface", default_alignment="eyes", default_model="Dlib").test_client()
    for number, payload in enumerate([*executing(canary).values(), b"cos\nsystem\n(S'touch canary'\ntR."]):
        for name in (PKL, NPZ, "representations_dlib.pkl"):
            (photos / name).write_bytes(payload)
        answer = client.post(f"/find?expand_percentage={number}&threshold=1&refresh=wait", **RAW)
        assert len(answer.json["result"][0]) == 1
        (photos / NPZ).rename(photos / NPZ.replace("expand_0", f"expand_{number + 1}"))
    np.savez(photos / NPZ.replace("opencv", "ssd"), embedding=np.array([Attack()], object))
    assert len(client.post("/find?detector_backend=ssd&refresh=wait", **RAW).json["result"][0]) == 1
    assert not canary.exists()


def identities(answer):
    return [os.path.basename(row["identity"]) for row in answer.json["result"][0]]


def state_of(client):
    (index,) = client.get("/find/indexes").json["indexes"]
    return index["state"], index["photos"], index.get("pending")


@pytest.fixture
def emptied(make_app, photos, tmp_path, caplog):
    """A server that knows two photos, and what empties the folder as a disk that is gone and brings it back."""
    for name in ("a.png", "b.png"):
        write_photo(photos / name, ALICE)
    client = make_app(faces_db_refresh_s=0).test_client()
    assert identities(client.post(FRESH, **RAW)) == ["a.png", "b.png"]
    away = tmp_path / "away"

    def move(source, target):
        for path in list(source.iterdir()):
            os.rename(path, target / path.name)

    away.mkdir()
    move(photos, away)
    caplog.clear()
    return client, lambda: move(away, photos)


def test_a_folder_that_is_empty_all_at_once_keeps_its_index(emptied, make_app, engine, caplog):
    client, bring_back = emptied
    for path in ("/find", FRESH, "/find"):
        answer = client.post(path, **RAW)
        assert (identities(answer), answer.json["pending"]) == (["a.png", "b.png"], 2)
    assert state_of(client) == ("kept", 2, 2)
    assert [record.message for record in caplog.records].count(KEPT) == 1
    restarted = make_app().test_client()
    assert identities(restarted.post(FRESH, **RAW)) == ["a.png", "b.png"]
    assert state_of(restarted) == ("kept", 2, 2)
    embedded = engine.embedded
    bring_back()
    answer = client.post(FRESH, **RAW)
    assert (identities(answer), answer.json["pending"]) == (["a.png", "b.png"], 0)
    assert state_of(client) == ("ready", 2, 0)
    assert engine.embedded <= embedded + 3  # the query; a file that was renamed has another time of change


def test_some_photos_that_are_back_end_what_was_kept(emptied, photos):
    client, _ = emptied
    client.post(FRESH, **RAW)
    write_photo(photos / "c.png", ALICE)
    assert identities(client.post(FRESH, **RAW)) == ["c.png"]


def pruned(app):
    """What the command says once no build is about to end."""
    for _ in range(50):
        result = app.test_cli_runner().invoke(args=["index", "prune"])
        if "being built" not in result.output:
            break
        time.sleep(0.1)
    assert result.exit_code == 0
    return result.output


def test_a_command_forgets_what_the_folder_does_not_show(emptied, make_app):
    client, _ = emptied
    client.post("/find", **RAW)
    assert pruned(make_app()) == "2 photos removed from the indexes\n"
    answer = client.post(FRESH, **RAW)
    assert (identities(answer), answer.json["pending"]) == ([], 0)
    assert state_of(client) == ("ready", 0, 0)


def test_pruning_keeps_the_photos_that_are_there(make_app, photos, engine):
    for name in ("a.png", "b.png", "c.png"):
        write_photo(photos / name, ALICE)
    app = make_app()
    app.test_client().post(FRESH, **RAW)
    (photos / "b.png").unlink()
    assert pruned(app) == "1 photos removed from the indexes\n"
    embedded = engine.embedded
    assert identities(make_app().test_client().post(FRESH, **RAW)) == ["a.png", "c.png"]
    assert engine.embedded - embedded == 3  # the query, and the two pictures of the self-test


def test_a_folder_that_is_gone_is_an_error_and_its_index_stays(make_app, photos, tmp_path):
    write_photo(photos / "a.png", ALICE)
    client = make_app(faces_db_refresh_s=0).test_client()
    client.post(FRESH, **RAW)
    photos.rename(tmp_path / "away")
    assert client.post("/find", **RAW).json["error_code"] == "db_not_found"
    (tmp_path / "away").rename(photos)
    answer = client.post("/find", **RAW)
    assert (identities(answer), answer.json["pending"]) == (["a.png"], 0)


def refused_fields(client, path):
    response = client.post(path, **RAW)
    assert_error(response, 422, "validation_error", *(entry["field"] for entry in response.json["details"]["fields"]))
    return {entry["field"] for entry in response.json["details"]["fields"]}


def test_find_spaces_refuses_the_option_that_differs_and_answers_what_exists(make_app, photos, engine):
    write_photo(photos / "a.png", ALICE)
    assert make_app().test_client().post("/find?expand_percentage=5&threshold=1", **RAW).status_code == 200
    client = make_app(find_spaces=("ArcFace",)).test_client()
    embedded = engine.embedded
    assert refused_fields(client, "/find?model_name=Facenet") == {"model_name"}
    assert refused_fields(client, "/find?expand_percentage=7&threshold=1") == {"expand_percentage"}
    assert refused_fields(client, "/find?model_name=ArcFace&detector_backend=ssd") == {"detector_backend"}
    assert refused_fields(client, "/find?align=false") == {"align"}
    raw = {"img": "a.png", "normalization": "raw", "threshold": 1}
    body = assert_error(client.post("/find", json=raw), 422, "validation_error", "normalization")
    assert "FIND_SPACES" in body["details"]["fields"][0]["msg"]
    assert engine.embedded == embedded
    for path in (
        "/find",
        "/find?expand_percentage=5&threshold=1",
        "/find?model_name=ArcFace",
        "/find?distance_metric=euclidean",
    ):
        assert client.post(path, **RAW).status_code == 200, path


@pytest.mark.parametrize("paths", ["deepface", "relative"])
@pytest.mark.parametrize(
    "spelling", ["./photos", "photos", "photos/", "./photos//", "other/../photos", "../{home}/photos", "{top}/photos",
                 "{top}/photos/", "{top}/other/../photos", "linked", "{top}/linked", "photos/."],
)  # fmt: skip
def test_an_identity_is_accepted_as_an_image(make_app, photos, tmp_path, monkeypatch, spelling, paths):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    os.symlink(photos, tmp_path / "linked")
    shown = ((ALICE,), (ALICE, BOB), (ALICE, MASK), (ALICE, BOB, MASK), (ALICE, ALICIA))
    names = ("1.png", "alice/1.png", "photos/1.png", "photos/photos/1.png", "linked/1.png")
    for name, colours in zip(names, shown, strict=True):
        write_photo(photos / name, *colours)
    folder = spelling.format(top=tmp_path, home=tmp_path.name)
    client = make_app(faces_db_path=folder, identity_paths=paths, images_path="").test_client()

    def embeddings(**sent):
        return [face["embedding"] for face in client.post("/represent", **sent).json["result"]]

    ((*rows,),) = client.post("/find?threshold=0.01", **RAW).json["result"]
    start = folder if paths == "deepface" else ""
    below = {row["identity"]: os.path.relpath(row["identity"], start or ".") for row in rows}
    assert sorted(below.values()) == sorted(names)
    for identity, name in below.items():
        content = (photos / name).read_bytes()
        assert embeddings(json={"img": identity}) == embeddings(data=content, content_type="image/png"), identity
    for path in ("../secret.png", "photos/../../secret.png", f"{folder}/../secret.png", "/etc/passwd"):
        assert client.post("/represent", json={"img": path}).status_code in (400, 403)


def test_a_person_is_the_first_folder_unless_that_is_off(make_app, photos):
    for name in ("2014/07/1.png", "loose.png"):
        write_photo(photos / name, ALICE)
    for setting, persons in (("folder", ["2014", None]), ("off", [None, None])):
        ((*rows,),) = make_app(find_person=setting).test_client().post("/find", **RAW).json["result"]
        assert [row["person"] for row in rows] == persons
