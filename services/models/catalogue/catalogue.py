"""The models of DeepFace 0.0.103 and two of dlib as data: task, input, output, files, licence and accuracy.

Names, input sizes, dimensions, file names and URLs are from DeepFace's own clients for ONNX Runtime. Thresholds are
from `deepface.config.threshold`. A test compares both with the installed DeepFace. The entries are in the other modules
of this package.
"""

from collections.abc import Iterable

from schemas.names import Action
from services.models.catalogue import attributes
from services.models.catalogue.detection import DETECTION
from services.models.catalogue.recognition import RECOGNITION
from services.models.catalogue.types import AttributeModels, Model, Preset

_PRESETS = (
    Preset("offline", "Dlib", "dlib", "dlib", summary="Comes with the Python packages: nothing to download."),
    Preset(
        "commercial", "SFace", "yunet", "dlib", liveness=True, summary="Small and fast, with liveness, for any use."
    ),
    Preset("accurate", "ArcFace", "retinaface", "deepface", summary="Highest accuracy; for research only."),
    Preset("deepface", "VGG-Face", "opencv", "deepface", summary="DeepFace's defaults; not for commercial use."),
)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (*RECOGNITION, *DETECTION, *attributes.DEEPFACE, *attributes.DLIB, attributes.LIVENESS)
}


def _by_action(models: Iterable[Model]) -> dict[Action, str]:
    return {model.action: model.name for model in models if model.action is not None}


_DEEPFACES_MODELS, _DLIBS_MODELS = _by_action(attributes.DEEPFACE), _by_action(attributes.DLIB)

# For each value of ATTRIBUTE_MODELS the model of each attribute. dlib has none for emotion and race.
ATTRIBUTE_MODELS: dict[AttributeModels, dict[Action, str]] = {
    "deepface": _DEEPFACES_MODELS,
    "dlib": _DEEPFACES_MODELS | _DLIBS_MODELS,
}

LIVENESS = attributes.LIVENESS.name

# The detector that takes the whole image for one face.
NO_DETECTOR = "skip"

# Names that a request may use for the entry of another name.
ALIASES = {"yolov8": "yolov8n"}

THRESHOLDS_SOURCE = "deepface.config.threshold of DeepFace 0.0.103"
MEASURED_THRESHOLDS_SOURCE = "python -m benchmarks accuracy"

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _PRESETS}


def find(name: str) -> Model:
    """The entry with this name or alias.

    Raises:
        KeyError: there is none.
    """
    return MODELS[ALIASES.get(name, name)]


def models_of(preset: Preset) -> tuple[Model, ...]:
    """The entries of a preset: all that it is made of but DeepFace's attribute models, which have two gigabytes."""
    liveness = (LIVENESS,) if preset.liveness else ()
    small = _DLIBS_MODELS.values() if preset.attributes == "dlib" else ()
    return tuple(MODELS[name] for name in (preset.model, preset.detector, *liveness, *small))
