"""Replaces what a server must not do in DeepFace: download files, share detectors, use every core, ignore deadlines.

DeepFace's modules call the replaced functions through the module that defines them. So replacing them there affects all
of DeepFace and RetinaFace. Outside `resolving`, DeepFace finds its models as usual.
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
from deepface.models.face_detection.CenterFace import CenterFace
from deepface.models.face_detection.OpenCv import OpenCvClient
from deepface.modules import modeling
from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession
from retinaface.commons import postprocess
from retinaface.commons import weight_utils as retinaface_weight_utils

from core.exceptions import ModelUnavailable
from core.timeouts import check_deadline
from services.deepface.networks.runtime import Runtime, Session
from services.deepface.suppression import without_overlaps

Resolver = Callable[[str, str], Any]

_active = threading.local()
_build_model = modeling.build_model
_find_eyes = OpenCvClient.find_eyes


def _local_weights(file_name: str, *_: Any, **__: Any) -> str:
    """The path of an installed weight file. Replaces the functions that download it.

    Raises:
        ModelUnavailable: the file is not installed.
    """
    path = Path(folder_utils.get_deepface_home(), ".deepface", "weights", file_name)
    if not path.is_file():
        raise ModelUnavailable(f"Weight file {file_name} is not installed. Run: face-service weights fetch MODEL")
    return str(path)


def _resolved_model(task: str, model_name: str) -> Any:
    """The model from this thread's `resolving`. Replaces a cache of the process that is filled without a lock."""
    find: Resolver | None = getattr(_active, "find", None)
    return _build_model(task, model_name) if find is None else find(task, model_name)


class _OpenedSession(InferenceSession):  # type: ignore[misc]  # ONNX Runtime has no types
    """A session from this thread's `opening`. Replaces a session with DeepFace's options, but no package's subclass."""

    def __new__(cls, path_or_bytes: str | bytes, *_: Any, **__: Any) -> Any:
        runtime: Runtime | None = getattr(_active, "runtime", None)
        if runtime is None or cls is not _OpenedSession:
            return super().__new__(cls)
        if isinstance(path_or_bytes, bytes):
            return runtime.open(path_or_bytes)
        path = Path(path_or_bytes)
        return runtime.open(getattr(_active, "files", {}).get(path.name, path_or_bytes), path.stem)


def _find_eyes_in_time(client: OpenCvClient, img: Any) -> Any:
    """The eyes in one box. DeepFace looks for them in every box, with no check of the time in between."""
    check_deadline()
    return _find_eyes(client, img)


def _retinaface_nms(dets: Any, threshold: float) -> list[int]:
    """RetinaFace's `cpu_nms` without its loop over all pairs of boxes. `dets` has the score after each box."""
    return without_overlaps(dets[:, :4], dets[:, 4], threshold)


def _centerface_nms(_: Any, boxes: Any, scores: Any, nms_thresh: float) -> list[int]:
    """`CenterFace.nms` without its loop over all pairs of boxes."""
    return without_overlaps(boxes, scores, nms_thresh)


weight_utils.download_weights_if_necessary = _local_weights
retinaface_weight_utils.download_weights_if_necessary = _local_weights
modeling.build_model = _resolved_model
onnxruntime.InferenceSession = _OpenedSession
OpenCvClient.find_eyes = _find_eyes_in_time
postprocess.cpu_nms = _retinaface_nms
CenterFace.nms = _centerface_nms


# OpenCV's cascades return faces in the order in which their threads find them, so only one thread gives repeatable
# results. With 2 threads, 60 searches of a photo of six people gave 9 different results; with one thread, 1.
cv2.setNumThreads(1)


def sees_gpu() -> bool:
    """Whether TensorFlow, used in place of ONNX Runtime, runs models on a GPU."""
    return bool(importlib.import_module("tensorflow").config.list_physical_devices("GPU"))


@contextmanager
def resolving(find: Resolver) -> Iterator[None]:
    """Let DeepFace get its models from `find`, by task and name, on this thread until the block ends."""
    before = getattr(_active, "find", None)
    _active.find = find
    try:
        yield
    finally:
        _active.find = before


@contextmanager
def reading(files: dict[str, bytes]) -> Iterator[None]:
    """Let DeepFace open these networks in place of its files of these names, on this thread until the block ends."""
    _active.files = files
    try:
        yield
    finally:
        _active.files = {}


@contextmanager
def opening(runtime: Runtime) -> Iterator[None]:
    """Let DeepFace get its sessions from the runtime, on this thread until the block ends."""
    _active.runtime = runtime
    try:
        yield
    finally:
        _active.runtime = None


def replace_sessions(client: Any, replaced: Callable[[Any], Any]) -> None:
    """Replace the sessions in one of DeepFace's clients, or in its model, by the results of `replaced`."""
    for holder in (client, getattr(client, "model", None)):
        for name, value in list(getattr(holder, "__dict__", {}).items()):
            if isinstance(value, Session):
                setattr(holder, name, replaced(value))
