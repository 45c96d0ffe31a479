"""The real server: gunicorn on a socket, with files of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import requests

from tests.conftest import PROJECT
from tests.discretion import told_by_log

# Applications of the security tests whose logs tell what the client said, on purpose.
_INDISCREET = ("tests.security.weak", "tests.security.standins:talkative")


@contextlib.contextmanager
def served(folder, *, app="main:app", start=None, **environment):
    """A server with its files below `folder`; gives its address, its log and its process.

    `start` are the arguments of Python that have it serve, in place of gunicorn's with the `app`.

    In the end its log is searched for what it must not tell.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "DEFAULT_MODEL": "Dlib",
        "MIN_QUALITY": "0",  # drawn faces have no quality
        "FACES_DB_PATH": str(folder / "photos"),
        "DATA_PATH": str(folder / "data"),
        "DEEPFACE_HOME": str(folder / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
    } | environment
    log = folder / "log"
    command = [sys.executable, *(start or ["-m", "gunicorn", "--config", "python:api.server", app])]
    with log.open("wb") as output:
        # Not from the project's folder, where a developer's .env may lie.
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield f"http://127.0.0.1:{port}", log, process
        finally:
            process.kill()
            process.wait()
    if not app.startswith(_INDISCREET):
        told = list(told_by_log(log.read_text(errors="replace")))
        assert not told, told[:5]


def wait_for(url, status=200, timeout_s=60, alive=None):
    """The answer of `url` once it has this status; `alive` is a process that must not end before."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            answer = requests.get(url, timeout=10)
            if answer.status_code == status:
                return answer
        assert time.monotonic() < deadline, f"{url} is not {status}"
        assert alive is None or alive.poll() is None, "the server ended"
        time.sleep(0.1)
