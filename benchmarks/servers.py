"""The servers that are measured, each in a process of its own on a free port of this machine."""

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from core.process import installed_versions
from core.settings import available_cores

PROJECT = Path(__file__).parents[1]
START_TIMEOUT_S = 120


def machine() -> str:
    """One line that says where the figures come from."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    versions = installed_versions()
    onnx_runtime = versions.get("onnxruntime-gpu") or versions["onnxruntime"]
    return (
        f"{available_cores()} cores of {model}, Python {versions['python']},"
        f" DeepFace {versions['deepface']}, ONNX Runtime {onnx_runtime}, {time.strftime('%Y-%m-%d')}"
    )


@contextmanager
def ours(home: Path, *, app: str = "main:app", **settings: str) -> Iterator[tuple[str, int, float]]:
    """Our service: its address, its worker's process id, and the seconds until it was ready."""
    environment = {"DEFAULT_MODEL": "Dlib", "DATA_PATH": str(home / "data"), "LOG_LEVEL": "WARNING"} | settings
    config = ["--config", str(PROJECT / "gunicorn.conf.py"), app]
    with _gunicorn(config, home, environment, "ready") as started:
        yield started


@contextmanager
def deepfaces(home: Path, workers: int = 1, **variables: str) -> Iterator[tuple[str, int, float]]:
    """DeepFace's own API, started as its own image does: gunicorn with one synchronous worker, or more."""
    arguments = [f"--workers={workers}", "--timeout=3600", "deepface.api.src.app:create_app()"]
    environment = {"DEEPFACE_BACKEND_ENGINE": "onnx", "DEEPFACE_LOG_LEVEL": "50"} | variables
    with _gunicorn(arguments, home, environment, "") as started:
        yield started


@contextmanager
def _gunicorn(
    arguments: list[str], home: Path, environment: dict[str, str], probe: str
) -> Iterator[tuple[str, int, float]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"DEEPFACE_HOME": str(home), "PYTHONPATH": str(PROJECT), "HOST": "127.0.0.1", "PORT": str(port)}
    command = [sys.executable, "-m", "gunicorn", *arguments, "--bind", f"127.0.0.1:{port}"]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=home, env=os.environ | common | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _answers(f"{url}/{probe}"):
            if process.poll() is not None or time.monotonic() - started > START_TIMEOUT_S:
                sys.exit(f"The server did not start: {' '.join(command)}")
            time.sleep(0.05)
        seconds = time.monotonic() - started
        worker = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        yield url, worker, seconds
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return bool(requests.get(url, timeout=10).ok)
    return False


def private_mb(process_id: int) -> float:
    """What of a process's resident memory is no page of a file, in megabytes."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024 / 1e6


def resident_mb(process_id: int) -> float:
    """Resident memory of a process, in megabytes."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
