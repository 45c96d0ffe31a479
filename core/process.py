"""What has to be in the environment before OpenCV, ONNX Runtime, TensorFlow and DeepFace are first imported."""

import ctypes
import logging
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from core.config import Settings
from core.setting_types import CPU

_PACKAGES = (
    "deepface",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorflow",
    "torch",
    "opencv-contrib-python-headless",
    "dlib-bin",
    "numpy",
)

_M_ARENA_MAX = -8  # of mallopt(3), in glibc's malloc.h

# What OpenMP, numpy's and TensorFlow's own pools of threads read their size from.
_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def prepare_process(settings: Settings) -> None:
    """Export the settings that those libraries read from the environment once, at import."""
    share_arena()
    os.environ["DEEPFACE_BACKEND_ENGINE"] = settings.deepface_engine
    os.environ["DEEPFACE_HOME"] = str(settings.deepface_home.resolve())
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # DeepFace drives TensorFlow through tf-keras
    # DeepFace prints its own log lines, with paths of the server, to standard output.
    os.environ["DEEPFACE_LOG_LEVEL"] = str(logging.CRITICAL)
    if settings.gpu_device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(settings.gpu_device)
    if settings.gpu_device == CPU:
        os.environ["DEEPFACE_ONNX_PROVIDERS"] = "cpu"
    # A library that took every core for each of the lanes would make them wait for each other.
    for name in _THREAD_COUNTS:
        os.environ[name] = str(settings.threads_per_lane)
    # Since 1.29 ONNX Runtime's Linux builds report models and devices to Microsoft unless told not to. Faces, and what
    # is done with them, stay on the operator's machine: this is no setting.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # A second line behind our own check of the header, for a file that fools it.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(settings.max_image_pixels)
    # No deadline ends a name look-up; so the system's resolver (resolv.conf(5)) gives up soon after the fetch has.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:2")


def runtime_name(settings: Settings) -> str:
    """The framework, or what runs its networks in its place, and on what: `onnx on the CPU`."""
    match settings.gpu_device:
        case None:
            device = "what it finds"
        case -1:
            device = "the CPU"
        case number:
            device = f"GPU {number}"
    is_replaced = settings.inference_runtime != "onnx"
    return f"{settings.inference_runtime if is_replaced else settings.deepface_engine} on {device}"


def share_arena() -> None:
    """Let all threads of this process and its children allocate from one arena of glibc's.

    Each arena keeps what is free, and only of the first is the end ever given back. With one a thread the memory of a
    server rose by 7 % over 2,500 mixed requests; with one in all it rose by 1 % at most, was 6 to 17 % less than with
    two, and as many requests were served.
    """
    with suppress(AttributeError):  # another C library has no such function
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def release_unused() -> None:
    """Give back what has been freed, for which glibc alone waits until nothing behind it is in use."""
    with suppress(AttributeError):  # another C library has no such function
        ctypes.CDLL(None).malloc_trim(0)


def installed_versions() -> dict[str, str]:
    """Package to version, of those that are installed, and Python's."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
