"""Prepares the process before the first import of OpenCV, ONNX Runtime, TensorFlow and DeepFace."""

import ctypes
import logging
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from core.settings import Settings
from core.settings.types import CPU

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

# A secret of one start of the service: the workers inherit it from the process that forks them.
START_KEY = os.urandom(32)

_M_ARENA_MAX = -8  # parameter of mallopt(3), from glibc's malloc.h

# Sizes of the thread pools of OpenMP, numpy and TensorFlow.
_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def prepare_process(settings: Settings) -> None:
    """Export the settings that these libraries read from the environment once, at import."""
    share_arena()
    os.environ["DEEPFACE_BACKEND_ENGINE"] = settings.deepface_engine
    os.environ["DEEPFACE_HOME"] = str(settings.deepface_home.resolve())
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # DeepFace uses TensorFlow through tf-keras
    # DeepFace prints its own log lines to standard output, and they contain paths of the server.
    os.environ["DEEPFACE_LOG_LEVEL"] = str(logging.CRITICAL)
    if settings.gpu_device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(settings.gpu_device)
    if settings.gpu_device == CPU:
        os.environ["DEEPFACE_ONNX_PROVIDERS"] = "cpu"
    # If a library used every core for each lane, the lanes would wait for each other.
    for name in _THREAD_COUNTS:
        os.environ[name] = str(settings.threads_per_lane)
    # Since 1.29 ONNX Runtime's Linux builds report models and devices to Microsoft by default. Faces, and what is done
    # with them, must stay on the operator's machine. So this is not a setting.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # By default ultralytics reports its use to Google Analytics, and installs packages with pip while it runs.
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    # Second defence behind the service's own check of the header, against a file that defeats it.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(settings.max_image_pixels)
    # A deadline cannot end a name look-up. So the system's resolver (resolv.conf(5)) must give up soon after the fetch.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:2")


def runtime_name(settings: Settings) -> str:
    """Return the framework, or the runtime in its place, and the device: `onnx on the CPU`."""
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
    """Make all threads of this process and its children allocate from one glibc arena.

    Each arena keeps its free memory. Only the end of the first arena is returned to the system. Over 2,500 mixed
    requests, memory grew by 7 % with one arena per thread and by at most 1 % with one in all. One arena used 6 to 17 %
    less memory than two, at the same throughput.
    """
    with suppress(AttributeError):  # other C libraries lack this function
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def release_unused() -> None:
    """Return freed memory to the system; glibc itself waits until no memory behind it is in use."""
    with suppress(AttributeError):  # other C libraries lack this function
        ctypes.CDLL(None).malloc_trim(0)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages, by name."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
