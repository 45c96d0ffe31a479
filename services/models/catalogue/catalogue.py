"""The models of DeepFace 0.0.103 as data: what each is for, what it takes and gives, its files, licence and accuracy.

Names, input sizes, dimensions, file names and URLs are those of DeepFace's own clients for ONNX Runtime; thresholds
are `deepface.config.threshold`. A test compares both with the installed DeepFace. The rows are in `rows/`.
"""

from services.models.catalogue import attributes
from services.models.catalogue.detection import DETECTION
from services.models.catalogue.recognition import RECOGNITION
from services.models.catalogue.types import Model, Preset

_PRESETS = (
    Preset("offline", "Dlib", "dlib", summary="Comes with the Python packages: nothing to download."),
    Preset("commercial", "SFace", "yunet", liveness=True, summary="Small and fast, with liveness, for any use."),
    Preset("accurate", "ArcFace", "retinaface", summary="Finds and tells apart the most; for research only."),
    Preset("deepface", "VGG-Face", "opencv", summary="What DeepFace takes by default; not for commercial use."),
)


MODELS: dict[str, Model] = {
    model.name: model for model in (*RECOGNITION, *DETECTION, *attributes.ATTRIBUTES, attributes.LIVENESS)
}

LIVENESS = attributes.LIVENESS.name

# Names a request may use for another's row.
ALIASES = {"yolov8": "yolov8n"}

THRESHOLDS_SOURCE = "deepface.config.threshold of DeepFace 0.0.103"
TEMPLATE_THRESHOLDS_SOURCE = "python -m benchmarks accuracy"

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _PRESETS}


def find(name: str) -> Model:
    """The row called `name`, or of which that is an alias.

    Raises:
        KeyError: there is none.
    """
    return MODELS[ALIASES.get(name, name)]


def models_of(preset: Preset) -> tuple[Model, ...]:
    """The rows of a preset."""
    liveness = (LIVENESS,) if preset.liveness else ()
    return tuple(MODELS[name] for name in (preset.model, preset.detector, *liveness))
