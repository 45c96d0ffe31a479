"""The folder of the metrics, in processes of its own: prometheus-client chooses once whether values are in files."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.conftest import PROJECT

PREAMBLE = """
import os, signal, sys
from pathlib import Path
from core.metrics import folder
folder._MEMORY = Path(sys.argv[1])
metrics = folder.MetricsFolder()
"""


@pytest.fixture
def run(tmp_path):
    def run(code):
        command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(code), str(tmp_path)]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)

    return run


def assert_done(result):
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_the_folder_is_the_owners_and_is_gone_when_the_process_ends(run, tmp_path):
    mode, files = assert_done(
        run("print(oct(metrics.path.stat().st_mode)[-3:], os.listdir(metrics.path / 'values'))")
    ).split(maxsplit=1)
    assert (mode, files.strip()) == ("700", "[]")
    assert os.listdir(tmp_path) == []


def test_the_end_of_a_worker_leaves_the_folder(run):
    code = """
    if os.fork() == 0:
        sys.exit()
    os.wait()
    assert metrics.path.exists()
    """
    assert_done(run(code))


def test_the_folder_of_a_killed_server_is_deleted_by_the_next_one_and_that_of_a_living_one_is_not(run, tmp_path):
    assert run("os.kill(os.getpid(), signal.SIGKILL)").returncode == -signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    code = f"""
    import subprocess
    assert os.listdir(sys.argv[1]) == [metrics.path.name] != [{left!r}]
    again = "import sys; from pathlib import Path; from core.metrics import folder;"
    again += "folder._MEMORY = Path(sys.argv[1]); folder.MetricsFolder()"
    subprocess.run([sys.executable, "-c", again, sys.argv[1]], check=True)
    assert os.listdir(sys.argv[1]) == [metrics.path.name]
    """
    assert_done(run(code))
    assert os.listdir(tmp_path) == []


def test_a_link_of_that_name_leads_to_no_deletion(run, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "face-service-metrics-x").symlink_to(precious)
    assert_done(run(""))
    assert precious.exists()


COUNTED = """
from core.metrics.definitions import FACES, LANES_BUSY, QUEUE_WAIT, RESIDENT
from core.metrics.exposition import exposition
metrics.end_worker(os.getpid())
workers = []
for _ in range(3):
    if (worker := os.fork()) == 0:
        FACES.labels("verify").inc(5)
        QUEUE_WAIT.observe(0.2)
        LANES_BUSY.inc()
        RESIDENT.set(1000)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(worker, 0)
    workers.append(worker)
for worker in workers[:int(os.environ["ENDED"])]:
    metrics.end_worker(worker)
print(exposition([]).decode())
print(sorted(file.name.split("_")[0] for file in (metrics.path / "values").iterdir()))
"""


@pytest.mark.parametrize(("ended", "busy"), [(0, "3.0"), (1, "2.0"), (3, None)])
def test_what_an_ended_worker_has_counted_stays_and_what_it_was_doing_does_not(run, monkeypatch, ended, busy):
    monkeypatch.setenv("ENDED", str(ended))
    text = assert_done(run(COUNTED))
    assert 'face_faces_total{operation="verify"} 15.0' in text
    assert "face_queue_wait_seconds_count 3.0" in text
    assert 'face_queue_wait_seconds_bucket{le="0.25"} 3.0' in text
    assert re.findall(r"^face_lanes_busy (.+)", text, re.MULTILINE) == ([busy] if busy else [])
    assert text.count("face_worker_resident_bytes{pid=") == 3 - ended


def test_the_file_of_a_worker_that_was_killed_as_it_began_is_no_problem(run):
    code = """
    for content in (b"", bytes(100), b"\\xff\\xff\\x00\\x00" + bytes(100)):
        file = metrics.path / "values" / "counter_12345.db"
        file.write_bytes(content)
        metrics.end_worker(12345)
        assert not file.exists()
    from core.metrics.exposition import exposition
    assert b"face_lanes" in exposition([])
    """
    assert_done(run(code))


def test_without_room_the_values_stay_where_they_are(run, monkeypatch):
    monkeypatch.setenv("ENDED", "3")
    text = assert_done(run("folder._free_bytes = lambda _: 0\n" + COUNTED))
    assert 'face_faces_total{operation="verify"} 15.0' in text
    assert "face_lanes_busy" not in text
