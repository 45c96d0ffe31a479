"""Takes DeepFace's index out of a pickle, as DeepFace up to 0.0.101 wrote it, without unpickling it here."""

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
_MOST_LINE_BYTES = 2**20


class UnreadablePickle(CommandError):
    """The file is none that DeepFace wrote for this model, or it is hostile; the message is one line."""


def recorded_faces(path: Path, dimension: int) -> Iterator[RecordedFace]:
    """The rows of a pickled index with embeddings of `dimension`, read by another process.

    Raises:
        UnreadablePickle: at the latest after the last row.
        OSError: the file could not be read.
    """
    # Neither the environment nor installed packages: what runs there is the standard library and that one file.
    command = [sys.executable, "-I", "-S", str(_READER), str(dimension)]
    with (
        path.open("rb") as file,
        subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
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
            f"{path.name} is no index with embeddings of {dimension} numbers as DeepFace up to 0.0.101 wrote it;"
            " nothing was taken over."
        )


def _rows(lines: IO[bytes]) -> Iterator[RecordedFace]:
    """The rows up to the last line.

    Raises:
        ValueError, TypeError: the reader did not come so far, or was made to write something else.
    """
    while (row := json.loads(lines.readline(_MOST_LINE_BYTES))) is not None:
        identity, recorded, (x, y, w, h), packed = row
        embedding = None if packed is None else np.frombuffer(base64.b64decode(packed), np.float32)
        yield RecordedFace(identity=identity, hash=recorded, box=(x, y, w, h), embedding=embedding)
