"""Makes the engine on DeepFace."""

from core.settings import Settings
from services.deepface.interface import Engine
from services.models.weights import Weights
from services.preflight import keyring_of


def make_engine(settings: Settings, weights: Weights) -> Engine:
    """Return the engine of these settings. It loads its models on first use."""
    # Imported here: DeepFace must not be imported before `prepare_process`, nor when a test passes its own engine.
    from services.deepface.engine import DeepFaceEngine

    return DeepFaceEngine(
        weights,
        lanes=settings.lanes,
        cores=settings.cores,
        gpu_device=settings.gpu_device,
        runtime=settings.inference_runtime,
        cache=settings.data_path / "networks",
        keyring=keyring_of(settings),
        max_side_px=settings.detection_max_side_px,
        batch_size=settings.batch_max_size,
    )
