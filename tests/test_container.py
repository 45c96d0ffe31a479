"""Without a Docker engine: the files are linted, and what the Dockerfile does is done, as the user it names."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import requests
import yaml

from core import __version__
from core.settings import Settings, load_settings
from tests.conftest import PROJECT
from tests.serving import wait_for
from tests.test_architecture import TOPS
from tests.test_nginx import free_port
from tests.test_requirements import assert_only_installed_without_dependencies_is_broken
from tests.test_server import ASTRONAUT

TOOLS = Path(sys.executable).parent
can_unshare = os.geteuid() == 0 and shutil.which("setpriv") and shutil.which("unshare")


def instructions():
    """The Dockerfile's instructions, as (name, rest), continued lines joined."""
    text = re.sub(r"\\\n", " ", (PROJECT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def of(name):
    return [rest for instruction, rest in instructions() if instruction == name]


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.gpu.yml"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.postgres.yml"),
        ("gixy", "deploy/nginx.conf"),
    ],
    ids=lambda command: command[-1],
)
def test_the_files_of_the_deployment_pass_their_linters(command):
    result = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    """With the folder of this service in the place of /opt/face-service: the command has to be there."""
    text = (PROJECT / "deploy" / "face-service.service").read_text()
    assert text.count("/opt/face-service") == 4
    (tmp_path / ".venv").symlink_to(TOOLS.parent)
    unit = tmp_path / "face-service.service"
    unit.write_text(text.replace("/opt/face-service", str(tmp_path)))
    result = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"}
    )
    assert (result.returncode, result.stderr) == (0, "")
    seconds = re.search(r"stop_grace_period: (\d+)s", (PROJECT / "docker-compose.yml").read_text())[1]
    assert f"TimeoutStopSec={seconds}\n" in text


FIXED = {
    "HOST": "0.0.0.0",
    "PORT": "5000",
    "DATA_PATH": "/data",
    "DEEPFACE_HOME": "/weights",
    "FACES_DB_PATH": "/faces_db",
}
SECRETS = {
    "API_KEYS": "a-secret-of-32-characters-or-more",
    "GALLERY_KEY": "ab" * 32,
    "DATABASE_URL": "postgresql://h/n",
}
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["api"]


def in_the_container(dotenv, shell):
    """What compose gives the service, by the rules of its specification: `environment` over `env_file`, where an entry
    without a value is the shell's or else .env's, and left out where neither has one."""
    assert COMPOSE["env_file"] == [{"path": ".env", "required": False}]
    known = dotenv | shell
    given = dict(dotenv)
    for name, value in COMPOSE["environment"].items():
        given.pop(name, None)
        if value is not None:
            given[name] = re.sub(r"\$\{(\w+)(:?)-([^}]*)\}", lambda match: filled(match, known), str(value))
        elif name in known:
            given[name] = known[name]
    return given


def filled(match, known):
    name, colon, default = match.groups()
    return default if name not in known or (colon and not known[name]) else known[name]


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_compose_passes_on_each_setting_of_the_env_file(name):
    given = in_the_container({name: "as .env says"}, {})
    assert given[name] == FIXED.get(name, "as .env says")


def test_compose_passes_on_secrets_of_the_shell_and_nothing_empty():
    assert in_the_container({}, SECRETS).items() >= SECRETS.items()
    assert in_the_container(dict.fromkeys(SECRETS, "old"), SECRETS).items() >= SECRETS.items()
    without = in_the_container({}, {})
    assert without.keys() == COMPOSE["environment"].keys() - SECRETS.keys()
    assert "" not in without.values()


def test_an_alias_in_the_env_file_counts_in_the_container(monkeypatch):
    aliases = {"API_KEY": SECRETS["API_KEYS"], "FACE_RECOGNITION_MODEL": "SFace", "DISTANCE_METRIC": "euclidean"}
    for name, value in in_the_container(aliases, {}).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.api_keys == (aliases["API_KEY"],)
    assert (settings.default_model, settings.default_metric, settings.require_auth) == ("SFace", "euclidean", True)


def test_the_photos_are_mounted_so_that_nobody_changes_them():
    assert "./faces_db:/faces_db:ro" in COMPOSE["volumes"]


def test_every_python_package_of_ours_is_in_the_image():
    copied = {word for rest in of("COPY") if "--from" not in rest for word in rest.split()[:-1]}
    assert {name for name in TOPS if (PROJECT / name).is_dir()} <= copied
    kept = (PROJECT / ".dockerignore").read_text()
    assert all(f"!{name}" in kept for name in copied if "requirements" not in name)


def test_the_gpu_requirements_differ_in_the_runtime_only():
    def pins(name):
        lines = (line.split("#")[0].strip() for line in (PROJECT / name).read_text().splitlines())
        return {line for line in lines if line}

    cpu, gpu = pins("requirements-onnx.txt"), pins("requirements-gpu.txt")
    assert {line.split("==")[0] for line in cpu - gpu} == {"onnxruntime"}
    assert all(line.startswith(("onnxruntime-gpu", "nvidia-")) for line in gpu - cpu)


def test_nginx_is_not_older_than_security_md_says():
    floor = re.search(r"nginx has to be ([\d.]+) or later", (PROJECT / "SECURITY.md").read_text())[1]
    image = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["nginx"]["image"]
    version = re.match(r"nginx:([\d.]+)", image)[1]
    assert [int(part) for part in version.split(".")] >= [int(part) for part in floor.split(".")]


def test_the_env_file_is_for_its_owner_only(tmp_path):
    for name in ("Makefile", ".env.example"):
        shutil.copy(PROJECT / name, tmp_path)
    subprocess.run(["make", ".env"], cwd=tmp_path, check=True, capture_output=True, umask=0o022)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert (tmp_path / ".env").read_text() == (PROJECT / ".env.example").read_text()


IMAGES = ("docker/dockerfile:1", "python:3.12-slim", "nginx:", "pgvector/pgvector:", "redis:")
DIGEST = r"@sha256:[0-9a-f]{64}$"


@pytest.mark.parametrize(
    ("docker", "code", "said"),
    [
        ("exit 1", 2, "This needs docker with buildx. No file was changed."),
        ('[ "$2" = version ]', 2, "No registry answers for docker/dockerfile:1. No file was changed."),
        ('case "$*" in *nginx*) exit 1 ;; esac; DIGEST', 2, "No registry answers for nginx:"),
        ("echo nonsense", 2, "The registry gives no digest of docker/dockerfile:1. No file was changed."),
        ("DIGEST", 0, ""),
    ],
)
def test_images_are_pinned_where_a_registry_answers_for_all(tmp_path, docker, code, said):
    """A program in docker's place, since there is no registry here."""
    pinned = ("Dockerfile", "docker-compose.yml", "docker-compose.postgres.yml")
    files = [tmp_path / name for name in pinned]
    for name in ("Makefile", "deploy", *pinned):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, tmp_path / name)
    before = [file.read_text() for file in files]
    answers = 'for last; do :; done; echo "sha256:$(echo "${last%@*}" | sha256sum | cut -c1-64)"'
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{docker.replace('DIGEST', answers)}\n")
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin"}
    for _ in range(2):  # pinned images are pinned anew
        result = subprocess.run(
            ["make", "pin-images"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == code, result.stderr
        assert said in result.stderr
    after = [file.read_text() for file in files]
    if code:
        assert after == before
    else:
        assert [re.sub(DIGEST, "", text, flags=re.MULTILINE) for text in after] == before
        pinned = re.findall(rf"^(?:# syntax=|ARG IMAGE=| *image: )(.*){DIGEST}", "\n".join(after), re.MULTILINE)
        assert [image for image, start in zip(pinned, IMAGES, strict=True) if image.startswith(start)] == pinned


# What the Dockerfile does, below a folder instead of below /, in mounts that nobody else sees: the stage that installs,
# the copies, a root file system that cannot be written, volumes that can, and the user.
SCRIPT = """
set -eu
mkdir -p {tree}/python {tree}/opt {tree}/app {tree}/data {tree}/weights {tree}/tmp {tree}/faces_db
mount --bind {prefix} {tree}/python
export PATH={tree}/python/bin:$PATH ENGINE=onnx
cd {project}
{copies}
cd {tree}/app
{install}
! {tree}/opt/venv/bin/pip check
mount --bind {tree} {tree}
mount -o remount,ro,bind {tree}
for volume in data weights tmp; do mount -t tmpfs -o uid=10001,gid=10001 none {tree}/$volume; done
mount --bind {prefix} {tree}/python
cd {tree}/app
exec setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs env -i {environment} sh -c '
  for place in . /{tree}/opt /{tree}/faces_db; do ! touch $place/x 2>/dev/null || exit 99; done
  face-service --version
  API_KEYS=a-key-of-the-container-test-only face-service doctor
  exec {command}'
"""


@pytest.mark.skipif(not can_unshare, reason="needs root, unshare and setpriv")
def test_what_the_dockerfile_installs_runs_as_its_user_on_a_read_only_tree():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        tree, port = Path(name), free_port()
        tree.chmod(0o755)
        inside = dict(re.findall(r"(\w+)=(\S+)", of("ENV")[0]))
        assert (inside["DATA_PATH"], inside["DEEPFACE_HOME"], of("USER")) == ("/data", "/weights", ["10001"])
        environment = {key: re.sub(r"(?<![\w$])/", f"{tree}/", value) for key, value in inside.items()}
        environment["PATH"] = f"{tree}/opt/venv/bin:/usr/bin:/bin"
        environment["LD_LIBRARY_PATH"] = f"{tree}/python/lib"  # of an interpreter that was built to lie elsewhere
        environment |= {
            "PORT": str(port),
            "HOST": "127.0.0.1",
            "DEFAULT_MODEL": "Dlib",
            "FACES_DB_PATH": f"{tree}/faces_db",
        }
        copies = [rest for rest in of("COPY") if "--from" not in rest]
        installs = [rest for rest in of("RUN") if "pip install" in rest]
        script = SCRIPT.format(
            tree=tree,
            prefix=sys.base_prefix,
            project=PROJECT,
            install="\n".join(installs).replace("/opt", f"{tree}/opt").replace("--no-cache-dir", "--no-compile"),
            copies="\n".join(f"cp -r {' '.join(rest.split()[:-1])} {tree}/app/" for rest in copies),
            environment=" ".join(f"{key}={value}" for key, value in environment.items()),
            command=" ".join(json.loads(of("CMD")[-1])),
        )
        with (tree / "log").open("wb") as log:
            server = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            try:
                wait_for(f"{url}/ready", timeout_s=300, alive=server)
            except AssertionError:
                pytest.fail((tree / "log").read_text()[-2000:])
            answer = requests.post(f"{url}/represent", files={"img": ASTRONAUT}, timeout=60)
            assert (answer.status_code, answer.json()["dim"]) == (200, 128)
            check = json.loads(re.search(r"CMD (\[.*\])", of("HEALTHCHECK")[0])[1])
            assert subprocess.run([sys.executable, *check[1:]], env={"PORT": str(port)}, check=False).returncode == 0
        finally:
            server.terminate()
            code = server.wait(60)
        said = (tree / "log").read_text()
        assert code == 0, said[-2000:]
        assert_only_installed_without_dependencies_is_broken(said)
        assert f"face-service, version {__version__}" in said
        assert "No problems found." in said
    assert subprocess.run(
        [sys.executable, *check[1:]], env={"PORT": str(port)}, stderr=subprocess.DEVNULL, check=False
    ).returncode
