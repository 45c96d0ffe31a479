"""Models that go together, for people who do not want to choose."""

from services.models.catalogue.types import Preset

PRESETS = (
    Preset("offline", "Dlib", "dlib", summary="Comes with the Python packages: nothing to download."),
    Preset("commercial", "SFace", "yunet", liveness=True, summary="Small and fast, with liveness, for any use."),
    Preset("accurate", "ArcFace", "retinaface", summary="Finds and tells apart the most; for research only."),
    Preset("deepface", "VGG-Face", "opencv", summary="What DeepFace takes by default; not for commercial use."),
)
