"""What a model needs before it can be loaded: its packages, and its files as they were published."""

from core.exceptions import LivenessUnavailable, ModelUnavailable, ServiceError
from services.models.catalogue.types import Model
from services.models.extras import package_problem
from services.models.weights import Weights


def require_files(weights: Weights, model: Model) -> None:
    """Return if the packages of a model work here and its files are installed.

    Raises:
        ModelUnavailable, LivenessUnavailable: one is missing. The error says which command brings it.
    """
    if problem := package_problem(model):
        raise ModelUnavailable(problem)
    missing = [file.name for file in weights.missing(model)]
    if missing:
        raise _unavailable(
            model, f"Model {model.name} is not installed: {' and '.join(missing)} missing.", missing_files=missing
        )


def require_sound(weights: Weights, model: Model) -> None:
    """Return if the files of a model are the published ones; raises as `require_files`."""
    if damaged := weights.problems(model):
        raise _unavailable(model, f"Model {model.name} has wrong weights: {'; '.join(damaged)}.", wrong_files=damaged)


def _unavailable(model: Model, problem: str, **details: list[str]) -> ServiceError:
    error = LivenessUnavailable if model.task == "liveness" else ModelUnavailable
    message = f"{problem} Run: face-service weights fetch {model.name}"
    return error(message, details={"model": model.name, **details})
