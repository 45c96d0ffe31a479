"""A real Redis server on a port of its own."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.test_nginx import free_port, wait_for_port

PROGRAM = shutil.which("redis-server")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a server that keeps nothing on disk."""
    assert PROGRAM is not None
    port = free_port()
    command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(30)
