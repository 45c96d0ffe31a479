"""Notes how a process is prepared when a library is first looked for. Python imports this itself when it starts."""

import json
import os
import sys
from pathlib import Path

# They read the environment once, at import; or they import what does.
_LIBRARIES = {"cv2", "deepface", "dlib", "numpy", "onnx", "onnxruntime", "openvino", "tensorflow", "torch"}
_ARENAS = "mallopt"  # the C function that says how many arenas there are

_PROJECT = Path(__file__).parents[2]
_NOT_OURS = (__file__, "site-packages")  # a virtual environment may lie in the project's folder

_called: set[str] = set()
_seen: set[str] = set()


class Watch:
    """A finder that finds nothing."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in _LIBRARIES and name not in _seen:
            _seen.add(name)
            _note(name)


def _note(library):
    values = {**os.environ, "arenas": "one" if _ARENAS in _called else None}
    line = json.dumps({"process": os.getpid(), "library": library, "importers": _importers(), "values": values})
    with open(os.environ["FIRST_IMPORTS"], "a") as file:
        file.write(f"{line}\n")


def _importers():
    """The project's lines that led to the import, the nearest first; without any, the line where the process began."""
    frame, lines = sys._getframe(), []
    while frame is not None:
        lines.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    ours = [line for line in lines if _is_ours(line[0])]
    return " < ".join(f"{file}:{number}" for file, number in ours or lines[-1:])


def _is_ours(file):
    return Path(file).is_relative_to(_PROJECT) and not any(part in file for part in _NOT_OURS)


def _hear(event, arguments):
    """Remember which C functions were looked up: an audit hook is told."""
    if event == "ctypes.dlsym":
        _called.add(arguments[1])


sys.addaudithook(_hear)
sys.meta_path.insert(0, Watch)
