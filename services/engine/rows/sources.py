"""Where weight files come from."""

from services.models.catalogue.types import WeightFile

MIRRORS = (
    "https://github.com/serengil/deepface_models/releases/download/v1.0/",
    "https://huggingface.co/serengil/deepface/resolve/main/",
)
_DLIB = "https://dlib.net/files/"
OPENCV_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models/"

Files = tuple[WeightFile, ...]


def mirrored(name: str) -> Files:
    """A file of DeepFace's own two mirrors; neither publishes sizes or checksums."""
    return (WeightFile(name, tuple(mirror + name for mirror in MIRRORS)),)


def keras_twin(files: Files) -> Files:
    """The same weights for TensorFlow, which lie on the same mirrors with another ending."""
    return _twin(files, ".h5")


def torch_twin(files: Files) -> Files:
    """The same weights for PyTorch, likewise."""
    return _twin(files, ".pth")


def _twin(files: Files, ending: str) -> Files:
    names = (file.name.removesuffix(".onnx") + ending for file in files if file.urls[0].startswith(MIRRORS))
    return tuple(file for name in names for file in mirrored(name))


def dlib_file(name: str, size: int, sha256: str) -> Files:
    """A file of dlib.net, which a Python package carries too: the same, byte for byte."""
    return (WeightFile(name, (f"{_DLIB}{name}.bz2",), "face_recognition_models", f"models/{name}", size, sha256),)


def single(name: str, url: str, size: int | None = None, sha256: str | None = None) -> Files:
    """A file that one address has."""
    return (WeightFile(name, (url,), size=size, sha256=sha256),)
