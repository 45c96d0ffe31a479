"""What DeepFace does that a server must not, replaced: downloading, sharing detectors, taking every core.

DeepFace's modules call these functions through the module that defines them, so replacing them there reaches all of
DeepFace and RetinaFace. Outside `resolving` DeepFace finds its models as ever.
"""

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import onnxruntime
from deepface.commons import folder_utils, weight_utils
from deepface.modules import modeling
from retinaface.commons import weight_utils as retinaface_weight_utils

from core.exceptions import ModelUnavailable
from services.deepface.networks.runtime import Runtime, Session

Resolver = Callable[[str, str], Any]

_active = threading.local()
_build_model = modeling.build_model
_InferenceSession = onnxruntime.InferenceSession


def _local_weights(file_name: str, *_: Any, **__: Any) -> str:
    """Finds a weight file that is here, in place of the functions that download it."""
    if instead := getattr(_active, "files", {}).get(file_name):
        return str(instead)
    path = Path(folder_utils.get_deepface_home(), ".deepface", "weights", file_name)
    if not path.is_file():
        raise ModelUnavailable(f"The weights {file_name} are not installed.")
    return str(path)


def _resolved_model(task: str, model_name: str) -> Any:
    """What this thread's `resolving` finds, in place of one cache of the process that is filled without a lock."""
    find: Resolver | None = getattr(_active, "find", None)
    return _build_model(task, model_name) if find is None else find(task, model_name)


def _opened_session(network: str | bytes, *options: Any, **more: Any) -> Any:
    """A session of this thread's `opening`, in place of one with options of DeepFace's."""
    runtime: Runtime | None = getattr(_active, "runtime", None)
    return _InferenceSession(network, *options, **more) if runtime is None else runtime.open(network)


weight_utils.download_weights_if_necessary = _local_weights
retinaface_weight_utils.download_weights_if_necessary = _local_weights
modeling.build_model = _resolved_model
onnxruntime.InferenceSession = _opened_session


# OpenCV's cascades put faces in the order their threads find them: with 2 threads, 60 searches of a photo of six people
# gave 9 different answers; with one, always the same.
cv2.setNumThreads(1)


def sees_gpu() -> bool:
    """Whether TensorFlow, in place of ONNX Runtime, runs networks on a GPU."""
    return bool(importlib.import_module("tensorflow").config.list_physical_devices("GPU"))


@contextmanager
def resolving(find: Resolver) -> Iterator[None]:
    """Inside, on this thread, whatever DeepFace asks a model for by task and name comes from `find`."""
    before = getattr(_active, "find", None)
    _active.find = find
    try:
        yield
    finally:
        _active.find = before


@contextmanager
def reading(files: dict[str, Path]) -> Iterator[None]:
    """Inside, on this thread, DeepFace reads these files in place of its weights of these names."""
    _active.files = files
    try:
        yield
    finally:
        _active.files = {}


@contextmanager
def opening(runtime: Runtime) -> Iterator[None]:
    """Inside, on this thread, the sessions that DeepFace builds are the runtime's."""
    _active.runtime = runtime
    try:
        yield
    finally:
        _active.runtime = None


def replace_sessions(client: Any, replaced: Callable[[Any], Any]) -> None:
    """Let one of DeepFace's clients, or the model in it, call what `replaced` makes of its sessions."""
    for holder in (client, getattr(client, "model", None)):
        for name, value in list(getattr(holder, "__dict__", {}).items()):
            if isinstance(value, Session):
                setattr(holder, name, replaced(value))
