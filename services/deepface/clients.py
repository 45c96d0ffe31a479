"""Builds DeepFace's clients of the models, with their networks on our runtime."""

import logging
from typing import Any

from deepface.models.spoofing.onnx.FasNet import Fasnet
from deepface.modules import modeling

from core.exceptions import ModelUnavailable, ServiceError
from services.deepface.dlib_attributes import DlibAttribute
from services.deepface.hooks import opening, reading, replace_sessions
from services.deepface.networks.batching import Batcher
from services.deepface.networks.dlib_onnx import DlibNetwork, graph_of
from services.deepface.networks.runtime import Runtime
from services.deepface.networks.shared_trunk import SharedTrunk
from services.models.catalogue.types import Model
from services.models.extras import missing_package
from services.models.weights import Weights

logger = logging.getLogger(__name__)

# DeepFace's names of the tasks.
TASKS = {"recognition": "facial_recognition", "detection": "face_detector", "attribute": "facial_attribute"}

# The recognition model that runs on dlib in DeepFace.
_DLIB = "Dlib"

# The recognition model of the package insightface.
_BUFFALO = "Buffalo_L"


def build_client(model: Model, weights: Weights, *, runtime: Runtime, passes: Batcher, trunk: SharedTrunk) -> Any:
    """Return DeepFace's client of a model whose files are installed.

    Raises:
        ModelUnavailable: the model cannot be loaded.
    """
    try:
        if model.has_own_crop:
            return DlibAttribute(model, passes.through(runtime.open(str(weights.path(*model.files)), model.name)))
        with opening(runtime), reading(trunk.files(model)):
            if model.task == "liveness":
                # Always the ONNX form of the models, because only it gives access to both outputs.
                client: Any = Fasnet()
            else:
                client = modeling.get_model_class(TASKS[model.task], _deepface_name(model))()
        if model.name == _BUFFALO:  # insightface subclasses ONNX Runtime's session, and opens its own
            client.model.session = runtime.open(str(weights.path(*model.files)), model.name)
        if model.name == _DLIB:
            network = passes.through(runtime.open(graph_of(weights.path(*model.files)), model.name))
            client.model.model = DlibNetwork(network)
        replace_sessions(client, lambda session: trunk.network(model, session))
        return client
    except ServiceError:
        raise
    except Exception as error:  # the frameworks raise any error for damaged files or incomplete packages
        logger.exception("loading model %s failed", model.name)
        if model.extra is not None and _is_import_error(error):
            raise ModelUnavailable(missing_package(model)) from error
        fetch = "Its weights may be damaged. Delete them and run: face-service weights fetch"
        cure = f" {fetch} {model.name}" if model.files else ""
        raise ModelUnavailable(f"Model {model.name} cannot be loaded.{cure}") from error


def _is_import_error(error: BaseException | None) -> bool:
    """Whether this error or one of its causes is that a package cannot be imported."""
    return error is not None and (isinstance(error, ImportError) or _is_import_error(error.__cause__))


def _deepface_name(model: Model) -> str:
    return model.name.capitalize() if model.task == "attribute" else model.name
