"""Requests of LocalAI's face API, and the models that its clients name."""

from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, AliasChoices, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas import faces, gallery
from schemas.common import ImageSource
from schemas.compat.common import DoorRequest
from schemas.fields import COLLECTION, CollectionName, Id, Labels, Name
from schemas.names import Action, DetectorName, ModelName

# LocalAI's thresholds are for faces cropped as these models were trained, with all five landmarks of these detectors
# (localai.io/features/face-recognition).
_AS_TRAINED = {
    "align": True,
    "alignment": "template",
    "detection": "bounded",
    "normalization": "base",
    "expand_percentage": 0,
}
_OPENCV = {"model_name": "SFace", "detector_backend": "yunet", **_AS_TRAINED}
_BUFFALO_L = {"model_name": "Buffalo_L", "detector_backend": "retinaface", **_AS_TRAINED}

# The options and the threshold, a cosine distance, behind each model of LocalAI.
MODELS: dict[str, tuple[dict[str, Any], float]] = {
    "insightface-opencv": (_OPENCV, 0.5),
    "insightface-buffalo-l": (_BUFFALO_L, 0.35),
    "face-detect-yunet-sface": (_OPENCV, 0.363),
    "face-detect-buffalo-l": (_BUFFALO_L, 0.35),
}

_NOT_OFFERED = ("insightface-buffalo-s", "face-detect-buffalo-m", "face-detect-buffalo-s")
_DEFAULT_STORES = ("", "local-store")
_LARGEST_DISTANCE = 2.0  # of cosine


def _known(model: str) -> str:
    names = (*MODELS, *get_args(ModelName.__value__), *get_args(DetectorName.__value__))
    if model in _NOT_OFFERED:
        raise PydanticCustomError("model", f"DeepFace has no weights of {model}; use insightface-buffalo-l")
    if model and model not in names:
        raise PydanticCustomError("model", f"The service has no such model; use one of {', '.join(names)}")
    return model


class LocalAIModelRequest(DoorRequest):
    """A request that names a model: one of LocalAI's, or one of the service's own."""

    is_json: ClassVar[bool] = True

    model: Annotated[str, AfterValidator(_known)] | None = Field(
        None, description="A model of LocalAI, or one of the service's recognition models or detectors."
    )

    @property
    def detection(self) -> dict[str, Any]:
        """The options for finding faces."""
        chosen, _ = MODELS.get(self.model or "", ({}, None))
        detector = self.model if self.model in get_args(DetectorName.__value__) else chosen.get("detector_backend")
        method = {"detection": chosen["detection"]} if chosen else {}
        return {"detector_backend": detector, "enforce_detection": True, **method}

    @property
    def embedding(self) -> dict[str, Any]:
        """The options for finding, cropping and embedding faces."""
        chosen, _ = MODELS.get(self.model or "", ({}, None))
        name = self.model if self.model in get_args(ModelName.__value__) else None
        return {"model_name": name, **self.detection, **chosen}

    def comparison(self, threshold: float | None) -> dict[str, Any]:
        """The options for comparing faces. Without a threshold it is LocalAI's for the model, or else our own."""
        _, published = MODELS.get(self.model or "", ({}, None))
        return {**self.embedding, "distance_metric": "cosine", "threshold": threshold or published}


# As in LocalAI, which is written in Go, 0 means the same as leaving a number out.
Threshold = Annotated[
    Annotated[float, Field(ge=0, le=_LARGEST_DISTANCE)] | None,
    Field(description="Maximum cosine distance. Default, also for 0: that of the model."),
]


class LocalAIStoreRequest(LocalAIModelRequest):
    """A request about the gallery, whose collections are LocalAI's stores."""

    collection: CollectionName = Field(
        COLLECTION,
        validation_alias=AliasChoices("store"),
        description="The collection. Also left out if it is empty or `local-store`. Default: that of the API key.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_store(cls, values: Any) -> Any:
        """The values without a store that means the default, so that it counts as left out everywhere."""
        if isinstance(values, dict) and values.get("store") in _DEFAULT_STORES:
            return {name: value for name, value in values.items() if name != "store"}
        return values


class LocalAIVerifyRequest(LocalAIModelRequest):
    """Two images to compare."""

    img1: ImageSource
    img2: ImageSource
    threshold: Threshold = None
    anti_spoofing: bool = Field(False, description="Also check liveness. A face that fails is never verified.")


class LocalAIAnalyzeRequest(LocalAIModelRequest):
    """An image whose faces are analyzed."""

    img: ImageSource
    actions: Annotated[list[Action], Field(max_length=100, fail_fast=True)] = Field(
        [], description="Attributes to estimate. Empty = all."
    )
    anti_spoofing: bool = Field(False, description="Also check liveness.")


class LocalAIEmbedRequest(LocalAIModelRequest):
    """An image whose surest face is embedded."""

    img: ImageSource


class LocalAIRegisterRequest(LocalAIStoreRequest):
    """An image of a person to register."""

    img: ImageSource
    name: Name = Field(description="The person's name.")
    labels: Labels | None = Field(None, description="Labels to merge into the person's labels.")


class LocalAIIdentifyRequest(LocalAIStoreRequest):
    """An image of a person to identify."""

    img: ImageSource
    top_k: int = Field(0, ge=0, le=100, description="Maximum number of matches. Default, also for 0: 5.")
    threshold: Threshold = None


class LocalAIForgetRequest(LocalAIStoreRequest):
    """A face to delete."""

    id: Id = Field(description="ID of the face.")


class LocalAIDetectionRequest(LocalAIModelRequest):
    """An image in which faces are located."""

    img: ImageSource = Field(validation_alias=AliasChoices("image"))
    threshold: float = Field(0, ge=0, le=1, description="Minimum confidence of the detector.")


class SurestVerify(faces.VerifyRequest):
    """Two images, each with one face to compare."""

    only_surest_face: ClassVar[bool] = True


class SurestRepresent(faces.RepresentRequest):
    """An image with one face to embed."""

    only_surest_face: ClassVar[bool] = True


class SurestRegister(gallery.RegisterRequest):
    """An image with one face to register."""

    only_surest_face: ClassVar[bool] = True


class SurestIdentify(gallery.IdentifyRequest):
    """An image with one face to identify among all stored faces."""

    only_surest_face: ClassVar[bool] = True
    lists_faces: ClassVar[bool] = True
    compares_everybody: ClassVar[bool] = True
