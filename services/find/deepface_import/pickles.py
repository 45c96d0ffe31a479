"""Reads DeepFace's index from a pickle (DeepFace up to 0.0.101) without unpickling it in this process."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from core.exceptions import CommandError
from services.find.deepface_import.index_rows import RecordedFace

_READER = Path(__file__).with_name("pickle_process.py")
_MAX_LINE_BYTES = 2**20


class UnreadablePickle(CommandError):
    """The file is not an index that DeepFace wrote for this model, or it is hostile. The message is one line."""


def recorded_faces(path: Path, dimension: int) -> Iterator[RecordedFace]:
    """The rows of a pickled index with embeddings of `dimension`, read by another process.

    Raises:
        UnreadablePickle: the file is not such an index. Raised after the last row at the latest.
        OSError: the file cannot be read.
    """
    # Without environment and installed packages: the process runs only the standard library and that one file.
    command = [sys.executable, "-I", "-S", str(_READER), str(dimension)]
    with (
        path.open("rb") as file,
        subprocess.Popen(  # noqa: S603 - no argument comes from outside
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
        ) as reader,
    ):
        try:
            assert reader.stdout is not None
            yield from _rows(reader.stdout)
            complete = reader.wait() == 0
        except (ValueError, TypeError):
            complete = False
        finally:
            reader.kill()
    if not complete:
        raise UnreadablePickle(
            f"{path.name} is not an index of DeepFace up to 0.0.101 with embeddings of {dimension} numbers. Nothing was"
            " imported. Check the file, the model and the detector."
        )


def _rows(lines: IO[bytes]) -> Iterator[RecordedFace]:
    """The rows before the last line.

    Raises:
        ValueError, TypeError: the reader stopped early, or a hostile pickle made it write other lines.
    """
    while (row := json.loads(lines.readline(_MAX_LINE_BYTES))) is not None:
        identity, recorded, (x, y, w, h), packed = row
        embedding = None if packed is None else np.frombuffer(base64.b64decode(packed), np.float32)
        yield RecordedFace(identity=identity, hash=recorded, box=(x, y, w, h), embedding=embedding)
