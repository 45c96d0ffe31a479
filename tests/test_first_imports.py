"""However the service is started: a process is prepared before it imports numpy, OpenCV or a framework."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT
from tests.serving import served, wait_for

WATCHER = PROJECT / "tests" / "first_imports"
USED = {"cv2", "deepface", "dlib", "numpy", "onnxruntime"}  # by the engine of the settings below

# Each command with arguments that have it called; relative files are in the folder of the test.
COMMANDS = (
    "weights list",
    "weights verify Dlib",
    "weights accept Dlib",
    "weights fetch Dlib",
    "weights bundle bundle.zip Dlib",
    "weights import bundle.zip",
    "index build",
    "index list",
    "index prune",
    "index import-pkl old.pkl",
    "gallery stats",
    "gallery merge-twins --dry-run",
    "gallery enroll photos",
    "gallery enrol photos",
    "gallery export gallery.zip",
    "gallery import gallery.zip",
    "gallery copy-to-pgvector",
    "gallery rotate-key",
    "gallery expire",
    "gallery purge",
    "import people photos",
    "import double-take photos",
    "import photos --xmp photos",
    "import compreface --url http://127.0.0.1:1 --api-key key",
    "import deepface --database old.pkl --normalization base --expand-percentage 0 --person-from folder",
    "import deepstack old.pkl",
    "db upgrade",
    "db reapply-forgets",
    "keys create somebody --scope faces",
    "keys list",
    "keys grant nobody find",
    "keys revoke nobody",
    "audit verify",
    "audit export events.jsonl",
    "backup faces.backup",
    "restore old.pkl",
    "doctor",
)
OF_A_SERVER = {"serve", "demo"}  # it becomes one, and waits for one
GROUPS = sorted({command.split()[0] for command in COMMANDS})

# Calls every command of its arguments as `face-service` does, and prints all there are.
EVERY_COMMAND = """
import json, sys
import click
from flask.cli import ScriptInfo
from api.cli import face_service
from api.factory import create_app

def paths(command, *names):
    if not isinstance(command, click.Group):
        return [" ".join(names)]
    context = click.Context(command)
    below = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return [path for name, one in below.items() for path in paths(one, *names, name)]

for arguments in sys.argv[1:]:
    try:
        face_service.main(arguments.split(), standalone_mode=False, obj=ScriptInfo(create_app=create_app))
    except click.UsageError:
        raise
    except click.ClickException:
        pass  # its work cannot be done here
print(json.dumps(paths(face_service)))
"""

# What a worker does in the process that has read the configuration.
CONFIGURED = f"import runpy; runpy.run_path({str(PROJECT / 'gunicorn.conf.py')!r}); import main"


def environment(folder, device="-1"):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": os.environ["TMPDIR"],
        "PYTHONPATH": f"{WATCHER}{os.pathsep}{PROJECT}",
        "FIRST_IMPORTS": str(folder / "first_imports"),
        "DATA_PATH": str(folder / "data"),
        "DEEPFACE_HOME": "home",  # which is no value to be prepared yet: that one is absolute
        "FACES_DB_PATH": str(folder / "photos"),
        "DEFAULT_MODEL": "Dlib",
        "GPU_DEVICE": device,
    }


def prepared(folder, device="-1"):
    """What the libraries find where everything is as it should be."""
    return {
        "DEEPFACE_BACKEND_ENGINE": "onnx",
        "DEEPFACE_HOME": str(folder / "home"),
        "DEEPFACE_LOG_LEVEL": "50",
        "DEEPFACE_ONNX_PROVIDERS": "cpu" if device == "-1" else None,
        "TF_USE_LEGACY_KERAS": "1",
        "CUDA_VISIBLE_DEVICES": device,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "OPENCV_IO_MAX_IMAGE_PIXELS": "50000000",
        "RES_OPTIONS": "timeout:2 attempts:2",
        "arenas": "one",
    }


def run(folder, *arguments, device="-1"):
    """Run Python from a folder of its own, watched; what it prints."""
    (folder / "photos").mkdir(exist_ok=True)
    command = [sys.executable, *map(str, arguments)]
    result = subprocess.run(
        command, cwd=folder, env=environment(folder, device), capture_output=True, text=True, check=False
    )
    assert result.returncode in (0, 1), result.stderr  # 2 would be a wrong use of a command, which is not called then
    assert "Traceback" not in result.stderr, result.stderr
    return result.stdout


def first_imports(folder):
    return [json.loads(line) for line in (folder / "first_imports").read_text().splitlines()]


def unprepared(folder, device="-1"):
    """Each library that was imported too early, by whom, and what it found."""
    wrong = []
    for seen in first_imports(folder):
        found = {name: seen["values"].get(name) for name in prepared(folder)}
        differing = {name: found[name] for name, value in prepared(folder, device).items() if found[name] != value}
        wrong += [f"{seen['library']} is imported by {seen['importers']}, with {differing}"] if differing else []
    return wrong


def assert_prepared(folder, device="-1"):
    wrong = unprepared(folder, device)
    assert not wrong, "\n".join(wrong)
    assert {seen["library"] for seen in first_imports(folder)} >= USED


@pytest.mark.parametrize("device", ["-1", "0"])
def test_device_and_engine_take_effect_before_any_framework_is_imported(tmp_path, device):
    run(tmp_path, "-c", CONFIGURED, device=device)
    assert_prepared(tmp_path, device)


def test_gunicorn_prepares_its_master_and_its_worker_before_they_import_anything(tmp_path):
    with served(tmp_path, **environment(tmp_path)) as (url, _, master):
        wait_for(f"{url}/ready", alive=master)
    assert_prepared(tmp_path)
    processes = {seen["library"]: seen["process"] for seen in first_imports(tmp_path)}
    assert processes["numpy"] == master.pid
    assert processes["onnxruntime"] == processes["deepface"] != master.pid


@pytest.mark.parametrize("start", [[PROJECT / "main.py"], ["-m", "api.cli", "serve"]], ids=["main.py", "serve"])
def test_whoever_has_gunicorn_serve_prepares_the_process_first(tmp_path, start):
    with served(tmp_path, start=start, **environment(tmp_path)) as (url, _, master):
        wait_for(f"{url}/ready", alive=master)
    assert_prepared(tmp_path)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("way", [["api.cli"], ["flask", "--app", "main"]], ids=["face-service", "flask"])
def test_the_process_is_prepared_before_the_first_command_of_each_group(tmp_path, way, group):
    (tmp_path / "old.pkl").touch()
    command = next(line for line in COMMANDS if line.split()[0] == group)
    run(tmp_path, "-m", *way, *command.split())
    assert_prepared(tmp_path)


def test_every_command_finds_the_process_prepared(tmp_path):
    (tmp_path / "old.pkl").touch()
    existing = json.loads(run(tmp_path, "-c", EVERY_COMMAND, *COMMANDS).splitlines()[-1])
    forgotten = [
        name
        for name in existing
        if name not in OF_A_SERVER and not any(f"{line} ".startswith(f"{name} ") for line in COMMANDS)
    ]
    assert forgotten == []
    assert_prepared(tmp_path)


def test_an_import_that_comes_too_early_would_be_noticed(tmp_path):
    file = tmp_path / "early.py"
    file.write_text("import numpy\nfrom api.factory import create_app\ncreate_app()\n")
    run(tmp_path, file)
    (told,) = unprepared(tmp_path)
    assert told.startswith(f"numpy is imported by {file}:1, with ")
    assert all(name in told for name in prepared(tmp_path))
