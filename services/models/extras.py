"""Whether the Python packages that a model needs work here, and what to do if they do not.

Several optional packages require OpenCV 5 and install it over the service's OpenCV 4.
"""

import importlib.util
from importlib.metadata import packages_distributions
from pathlib import Path

import cv2

from services.models.catalogue import catalogue
from services.models.catalogue.types import Model

OPENCV = "opencv-contrib-python-headless==4.14.0.94"  # as in the requirements

# What DeepFace's detector `opencv` loads. Every other detector loads it too, because it finds the eyes in boxes.
_CASCADES = ("haarcascade_frontalface_default.xml", "haarcascade_eye.xml")


def package_problem(model: Model) -> str | None:
    """Why the Python packages that the model needs do not work here, with the command to run; None if they do."""
    if model.extra is not None:
        if model.extra.refusal is not None:
            return f"Model {model.name} cannot be used. {model.extra.refusal}"
        if any(importlib.util.find_spec(module) is None for module in model.extra.modules):
            return missing_package(model)
    is_detector = model.task == "detection" and model.name != catalogue.NO_DETECTOR
    return opencv_problem() if is_detector else None


def missing_package(model: Model) -> str:
    """The message for a model of which a package is missing or cannot be imported."""
    command = None if model.extra is None else model.extra.command
    return f"Model {model.name} needs a missing package." + (f" Run: {command}" if command else "")


def opencv_problem() -> str | None:
    """Why detectors cannot use the installed OpenCV, with the command to run; None if they can.

    OpenCV 5 cannot read the network of `ssd`, and most of its packages lack the cascades.
    """
    folder = Path(cv2.__file__).parent / "data"
    has_cascades = hasattr(cv2, "CascadeClassifier") and all((folder / name).is_file() for name in _CASCADES)
    if has_cascades and cv2.__version__.startswith("4."):
        return None
    ours = OPENCV.partition("==")[0]
    others = sorted(set(packages_distributions().get("cv2", ())) - {ours})
    cause = f" {' and '.join(others)} may have overwritten {ours}." if others else ""
    remove = f"pip uninstall --yes {' '.join(others)} && " if others else ""
    return (
        f"Detectors need OpenCV 4 with its Haar cascades, but OpenCV {cv2.__version__} is installed"
        f" {'with' if has_cascades else 'without'} them.{cause}"
        f" Run: {remove}pip install --force-reinstall --no-deps {OPENCV}"
    )
