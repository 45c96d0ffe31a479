"""Keys and the real server: it refuses to start without one, says so when it is open, and learns what others change."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import requests

from tests.conftest import KEY, PROJECT
from tests.serving import served, wait_for

REVOKED_WITHIN_S = 5  # what docs/how-to/access.md promises


def keys(folder, *arguments):
    """What `face-service keys …` prints, run beside the server."""
    command = [sys.executable, "-m", "api.cli", "keys", *arguments]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "DATA_PATH": str(folder / "data"),
                   "DEEPFACE_HOME": str(folder / "home"), "LOG_LEVEL": "ERROR", "REQUIRE_AUTH": "true"}  # fmt: skip
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=True
    ).stdout.strip()


def statuses(url, token, count=20):
    """Of so many requests, each on a connection of its own, so that every worker gets some."""
    return {requests.get(f"{url}/persons", headers={"X-API-Key": token}, timeout=30).status_code for _ in range(count)}


def status_of_lines(url, *lines):
    """The status of a request with these lines in its head."""
    address = url.removeprefix("http://").split(":")
    with socket.create_connection(address, timeout=30) as connection:
        head = ("GET /persons HTTP/1.1", "Host: x", "Connection: close", *lines)
        connection.sendall("\r\n".join((*head, "", "")).encode())
        return int(connection.recv(65536).split()[1])


def test_where_a_key_is_required_there_is_no_start_without_one(tmp_path):
    with served(tmp_path, REQUIRE_AUTH="true") as (_, log, process):
        assert process.wait(60) == 1
    lines = log.read_text().splitlines()
    assert [line[:40] for line in lines] == ["The service cannot start. REQUIRE_AUTH: "]
    with served(tmp_path, REQUIRE_AUTH="true", API_KEYS=KEY) as (url, log, process):
        wait_for(f"{url}/health", alive=process)
        assert statuses(url, "", 1) == {401}
        for first, second in (("X-API-Key: " + KEY, "x-api-key: " + KEY), ("Authorization: Bearer " + KEY,) * 2):
            assert status_of_lines(url, first, second) == 200
            assert status_of_lines(url, first, second.replace(KEY, KEY[::-1])) == 400
            assert status_of_lines(url, first.replace(KEY, KEY[::-1]), second) == 400
    assert "Authentication is off" not in log.read_text()
    assert KEY not in log.read_text()


def test_an_open_service_says_so_loudly(tmp_path):
    with served(tmp_path) as (url, log, process):
        wait_for(f"{url}/health", alive=process)
        assert statuses(url, "", 1) == {200}
    (line,) = [
        line
        for line in log.read_text().splitlines()
        if "Authentication is off: anyone who can reach this port has full access." in line
    ]
    assert '"level": "WARNING"' in line


def test_every_worker_learns_of_a_new_key_and_of_a_revoked_one(tmp_path):
    token = keys(tmp_path, "create", "reader", "--scope", "gallery:read")
    with served(tmp_path, WORKERS="2", REQUIRE_AUTH="true") as (url, _, process):
        wait_for(f"{url}/health", alive=process)
        assert statuses(url, token) == {200}
        assert statuses(url, token[:-1], 4) == {401}
        second = keys(tmp_path, "create", "another", "--scope", "gallery:read")
        time.sleep(REVOKED_WITHIN_S)
        assert statuses(url, second) == {200}
        keys(tmp_path, "revoke", token.split("_")[1])
        time.sleep(REVOKED_WITHIN_S)
        assert statuses(url, token) <= {401, 429}  # since wrong keys are counted
        assert statuses(url, second) == {200}


def test_a_closed_service_stays_closed_when_its_database_vanishes(tmp_path):
    token = keys(tmp_path, "create", "reader", "--scope", "gallery:read")
    with served(tmp_path) as (url, log, process):
        wait_for(f"{url}/health", alive=process)
        assert (statuses(url, token, 1), statuses(url, "", 1)) == ({200}, {401})
        for file in (tmp_path / "data").glob("gallery.db*"):
            file.rename(tmp_path / file.name)
        time.sleep(REVOKED_WITHIN_S)
        assert statuses(url, "", 4) == statuses(url, token, 4) == {503}
        worker = re.findall(r"Booting worker with pid: (\d+)", log.read_text())[-1]
        os.kill(int(worker), signal.SIGKILL)
        while log.read_text().count("Booting worker") < 2:
            time.sleep(0.05)
        wait_for(f"{url}/health", alive=process)
        assert statuses(url, "", 4) == statuses(url, token, 4) == {401}
    assert "THE API KEYS ARE MISSING" in log.read_text()
