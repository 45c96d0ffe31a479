"""What the catalogue says of a network."""

from dataclasses import dataclass, field
from typing import Literal

Task = Literal["recognition", "detection", "attribute", "liveness"]
CommercialUse = Literal["yes", "no", "unclear"]

# The alignment of an embedding space that is the crop the model was trained on.
TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class License:
    """On which terms the weights may be used: `commercial_use`, why in a sentence, and where that is said.

    `name` is the licence's SPDX identifier where there is one. `yes` means that who made the weights gave the files
    themselves away for any use; `no`, that they or their training data are for research only, by the word of who made
    them; `unclear`, that what is said of the code, the weights and the data does not agree, or is not said.
    """

    name: str
    commercial_use: CommercialUse
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A published number: of which benchmark, as `metric` has it (a share is 0 to 1), and where it was published."""

    benchmark: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file DeepFace looks for below `.deepface/weights`.

    `urls` are tried in order; what ends in `.bz2` or `.zip` is unpacked. `package` is a Python package that carries the
    file, under `package_path`. `size` in bytes and `sha256` in hexadecimal, of the unpacked file, are None where nobody
    has published them.
    """

    name: str
    urls: tuple[str, ...]
    package: str | None = None
    package_path: str = ""
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A recognition model and a detector that go together, with the liveness networks or without."""

    name: str
    model: str
    detector: str
    summary: str
    liveness: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How a detector is run on bounded copies: measured by `python -m benchmarks detection`.

    The copy's long side is `side_px`; a smaller image is enlarged to it, `enlarge` times at most. `score` is the least
    that counts: YuNet's probability, dlib's margin, for the cascade the number of neighbours.
    """

    side_px: int = 1280
    enlarge: float = 1.0
    score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One network. `input_px` is (width, height); `dim` the embedding's length; `thresholds` are per metric.

    `template` is the crop the network was trained on (`alignment.py`); `template_thresholds` hold where it is used, and
    are empty where they could not be measured: then DeepFace's own hold there too.

    `files` are what ONNX Runtime needs, and TensorFlow too unless there are `keras_files`.

    `thread_safe` says whether threads may share one object of it, as they may an ONNX Runtime session. OpenCV's
    cascades and networks and dlib's objects crash or answer wrongly then.
    """

    name: str
    task: Task
    license: License
    accuracy: tuple[Accuracy, ...] = ()
    input_px: tuple[int, int] | None = None
    dim: int | None = None
    files: tuple[WeightFile, ...] = ()
    keras_files: tuple[WeightFile, ...] = ()
    thresholds: dict[str, float] = field(default_factory=dict)
    template: str | None = None
    template_thresholds: dict[str, float] = field(default_factory=dict)
    search: Search = Search()
    thread_safe: bool = True
    package: str | None = None  # the Python package it needs beyond the requirements, as pip names it
    module: str | None = None  # what that package is imported as

    @property
    def all_files(self) -> tuple[WeightFile, ...]:
        """The files for all frameworks."""
        return (*self.files, *self.keras_files)

    def threshold(self, metric: str, alignment: str) -> float:
        """The largest distance between two faces of one person, for faces aligned so."""
        thresholds = self.template_thresholds if alignment == TEMPLATE else {}
        return thresholds.get(metric, self.thresholds[metric])


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
    names = (file.name.removesuffix(".onnx") + ".h5" for file in files if file.urls[0].startswith(MIRRORS))
    return tuple(file for name in names for file in mirrored(name))


def dlib_file(name: str, size: int, sha256: str) -> Files:
    """A file of dlib.net, which a Python package carries too: the same, byte for byte."""
    return (WeightFile(name, (f"{_DLIB}{name}.bz2",), "face_recognition_models", f"models/{name}", size, sha256),)


def single(name: str, url: str, size: int | None = None, sha256: str | None = None) -> Files:
    """A file that one address has."""
    return (WeightFile(name, (url,), size=size, sha256=sha256),)
