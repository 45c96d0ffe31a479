"""The models of DeepFace 0.0.103 as data: task, input, output, files, licence and accuracy.

Names, input sizes, dimensions, file names and URLs are from DeepFace's own clients for ONNX Runtime. Thresholds are
from `deepface.config.threshold`. A test compares both with the installed DeepFace. The entries are in the other modules
of this package.
"""

from services.models.catalogue import attributes
from services.models.catalogue.detection import DETECTION
from services.models.catalogue.recognition import RECOGNITION
from services.models.catalogue.types import Model, Preset

_PRESETS = (
    Preset("offline", "Dlib", "dlib", summary="Comes with the Python packages: nothing to download."),
    Preset("commercial", "SFace", "yunet", liveness=True, summary="Small and fast, with liveness, for any use."),
    Preset("accurate", "ArcFace", "retinaface", summary="Highest accuracy; for research only."),
    Preset("deepface", "VGG-Face", "opencv", summary="DeepFace's defaults; not for commercial use."),
)

MODELS: dict[str, Model] = {
    model.name: model for model in (*RECOGNITION, *DETECTION, *attributes.ATTRIBUTES, attributes.LIVENESS)
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
    """The entries of a preset."""
    liveness = (LIVENESS,) if preset.liveness else ()
    return tuple(MODELS[name] for name in (preset.model, preset.detector, *liveness))
