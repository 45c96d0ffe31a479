"""`/find` as a client and an operator see it: names of photos, and a folder that is read-only, hostile or empty."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.deepface_files import NPZ, PKL
from tests.pictures import ALICE, photo, write_photo
from tests.security.hostile_pickles import executing
from tests.test_server import PROJECT

RAW = {"data": photo(ALICE), "content_type": "image/png"}


@pytest.mark.parametrize(("setting", "begins"), [({}, True), ({"identity_paths": "relative"}, False)])
def test_identities_are_named_as_the_setting_says(make_app, photos, setting, begins):
    write_photo(photos / "alice" / "1.png", ALICE)
    ((row,),) = make_app(**setting).test_client().post("/find", **RAW).json["result"]
    assert row["identity"] == (str(photos / "alice" / "1.png") if begins else "alice/1.png")


ASK = """
import json, sys
from api.deps import services_of
from core.factory import create_app
from tests.fakes import FakeEngine
from tests.pictures import ALICE, photo
app = create_app(engine=FakeEngine())
services_of(app).readiness.start()
assert services_of(app).readiness.wait(60)
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
        answer = client.post(f"/find?expand_percentage={number}&refresh=wait", **RAW)
        assert len(answer.json["result"][0]) == 1
        (photos / NPZ).rename(photos / NPZ.replace("expand_0", f"expand_{number + 1}"))
    np.savez(photos / NPZ.replace("opencv", "ssd"), embedding=np.array([Attack()], object))
    assert len(client.post("/find?detector_backend=ssd&refresh=wait", **RAW).json["result"][0]) == 1
    assert not canary.exists()
