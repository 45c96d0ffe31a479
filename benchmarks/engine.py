"""What the framework chosen by DEEPFACE_ENGINE costs: megabytes on disk and in memory, seconds until ready."""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.servers import machine, ours, resident_mb

RUNS = 3


def main() -> None:
    """Print the figures of this environment."""
    framework = os.environ.get("DEEPFACE_ENGINE", "onnx")
    files = (path for path in Path(sys.prefix).rglob("*") if path.is_file() and not path.is_symlink())
    seconds, memory = [], []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(RUNS + 1):
            with ours(Path(name), DEEPFACE_ENGINE=framework) as (_, worker, took):
                seconds.append(took)
                memory.append(resident_mb(worker))
    print(machine())
    print(f"DEEPFACE_ENGINE={framework}, Dlib and opencv, medians of {RUNS} starts after a first")
    print(f"packages     {sum(path.stat().st_size for path in files) / 1e6:8.0f} MB")
    print(f"until ready  {statistics.median(seconds[1:]):8.1f} s")
    print(f"resident     {statistics.median(memory[1:]):8.0f} MB")
