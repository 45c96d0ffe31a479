"""What has to be in the environment before OpenCV, ONNX Runtime, TensorFlow and DeepFace are first imported."""

import logging
import os

from core.config import Settings
from core.memory import share_arena
from core.setting_types import CPU

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
