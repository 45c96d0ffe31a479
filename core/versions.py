"""Which versions of the packages that compute answers are installed."""

import platform
from importlib.metadata import PackageNotFoundError, version

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


def installed_versions() -> dict[str, str]:
    """Package to version, of those that are installed, and Python's."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
