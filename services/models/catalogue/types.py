"""The types of the catalogue's entries."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.names import Action

Task = Literal["recognition", "detection", "attribute", "liveness"]
CommercialUse = Literal["yes", "no", "unclear"]
AttributeModels = Literal["deepface", "dlib"]

# The alignments of an embedding space that uses the crop the model was trained on. With the first, the model gets the
# colours and the scale that DeepFace feeds it. With the second it gets `TrainedPixels`. What reaches a network belongs
# to the name: a model whose input changes gets another name, so that its old embeddings stay apart.
TEMPLATE = "template"
TEMPLATE_RGB = "template_rgb"
TEMPLATES = frozenset({TEMPLATE, TEMPLATE_RGB})


@dataclass(frozen=True, slots=True)
class License:
    """The terms of the weights: `commercial_use`, the reason in a sentence, and the source.

    `name` is the licence's SPDX identifier if there is one. `yes` means that the authors of the weights allow any use
    of the files themselves. `no` means that the files or their training data are for research only, according to their
    authors. `unclear` means that the statements about the code, the weights and the data disagree, or are missing.
    """

    name: str
    commercial_use: CommercialUse
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A published number: its benchmark, its `metric` (a share is 0 to 1), and its source."""

    benchmark: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file below `.deepface/weights`, where DeepFace looks for its own.

    `urls` are tried in order; files that end in `.bz2` or `.zip` are unpacked. `package` is a Python package that
    contains the file as `package_path`. Without `urls`, it is the only source. `size` in bytes and `sha256` in
    hexadecimal are those of the unpacked file, None if they are not published.
    """

    name: str
    urls: tuple[str, ...]
    package: str | None = None
    package_path: str = ""
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A recognition model and a detector that go together, with or without the liveness models.

    `attributes` is the value of ATTRIBUTE_MODELS.
    """

    name: str
    model: str
    detector: str
    attributes: AttributeModels
    summary: str
    liveness: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How a detector runs on bounded copies: measured by `python -m benchmarks detection`.

    The copy's long side is `side_px`. A smaller image is enlarged to it, at most `enlarge` times. `score` is the
    minimum that counts: YuNet's probability, dlib's margin, or the cascade's number of neighbours.
    """

    side_px: int = 1280
    enlarge: float = 1.0
    score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What a model needs beyond the requirements: the modules it imports, and the command that installs them.

    `make extras` runs each command. `refusal` says why no version works; then there is no command.
    """

    modules: tuple[str, ...]
    command: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPixels:
    """The pixels that a model was trained on, where DeepFace feeds it others: BGR, 0 to 1.

    The colours are RGB. `scaling` is the `normalization` of DeepFace that scales pixels so; `source` says so.
    """

    scaling: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredThresholds:
    """Thresholds per metric for faces with this alignment that this detector found.

    `spreads` say per metric over which distance a confidence falls from 50 to 27 percent; None if it was not measured.
    """

    alignment: str
    detector: str
    values: dict[str, float]
    spreads: dict[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. `input_px` is (width, height); `dim` the embedding's length.

    `template` is the crop that the model was trained on (`alignment.py`). `trained_pixels` are its colours and scale,
    if DeepFace feeds others. `action` is the attribute that the model estimates. `limits` says in sentences for which
    faces the accuracy does not hold. `thresholds` are DeepFace's own, per metric.
    `measured_thresholds` replace them where they apply (`services/models/thresholds.py`).

    `confidence_scale` gives the confidences of a detector that mean no certainty and full certainty of a face. It is
    None if a higher confidence does not mean more certainty; then a second look tells.

    `files` are for ONNX Runtime, and also for TensorFlow unless there are `keras_files`.

    `thread_safe` says whether threads may share one object of the model, as they may share an ONNX Runtime session.
    OpenCV's cascades and networks and dlib's objects would crash or give wrong results.
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
    trained_pixels: TrainedPixels | None = None
    action: Action | None = None
    limits: str | None = None
    measured_thresholds: tuple[MeasuredThresholds, ...] = ()
    search: Search = Search()
    confidence_scale: tuple[float, float] | None = (0.0, 0.5)  # of a probability
    thread_safe: bool = True
    extra: Extra | None = None

    @property
    def template_alignment(self) -> str:
        """The alignment of embedding spaces with the model's template."""
        return TEMPLATE if self.trained_pixels is None else TEMPLATE_RGB

    @property
    def has_own_crop(self) -> bool:
        """Whether it is an attribute model that gets its template's crop whatever the options of the request."""
        return self.task == "attribute" and self.template is not None

    @property
    def all_files(self) -> tuple[WeightFile, ...]:
        """The files for all frameworks."""
        return (*self.files, *self.keras_files)


MIRRORS = (
    "https://github.com/serengil/deepface_models/releases/download/v1.0/",
    "https://huggingface.co/serengil/deepface/resolve/main/",
)

_DLIB = "https://dlib.net/files/"

OPENCV_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models/"

Files = tuple[WeightFile, ...]


def mirrored(name: str) -> Files:
    """A file on DeepFace's own two mirrors; neither publishes sizes or checksums."""
    return (WeightFile(name, tuple(mirror + name for mirror in MIRRORS)),)


def keras_twin(files: Files) -> Files:
    """The same weights for TensorFlow, which lie on the same mirrors with another suffix."""
    names = (file.name.removesuffix(".onnx") + ".h5" for file in files if file.urls[0].startswith(MIRRORS))
    return tuple(file for name in names for file in mirrored(name))


def dlib_file(name: str, size: int, sha256: str) -> Files:
    """A file of dlib.net, byte for byte the same as the copy in a Python package."""
    return (WeightFile(name, (f"{_DLIB}{name}.bz2",), "face_recognition_models", f"models/{name}", size, sha256),)


def single(name: str, url: str, size: int | None = None, sha256: str | None = None) -> Files:
    """A file with a single source."""
    return (WeightFile(name, (url,), size=size, sha256=sha256),)
