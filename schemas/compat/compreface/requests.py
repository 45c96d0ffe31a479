"""Requests of CompreFace: what its routes take in the query string and in the body."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import override

from schemas import faces, gallery
from schemas.common import WHOLE, DetectionOptions, ImageSource
from schemas.compat.common import DoorRequest
from schemas.fields import Embedding, Id, Name
from schemas.names import Action, Metric

# CompreFace compares unit vectors by the length of their difference.
METRIC: Metric = "euclidean_l2"

NO_EMBEDDING = "At least one embedding is expected"

_PLUGINS: dict[str, Action] = {"age": "age", "gender": "gender"}
_CALCULATOR = "calculator"
_LANDMARKS = "landmarks"
_MOST_PREDICTIONS = 100  # persons per face, as in /identify
_ALL_PREDICTIONS = -1
_MOST_PER_PAGE = 2000  # as in CompreFace: more are cut without an error
_MOST_EMBEDDINGS = 100  # of a request: each is a search

# CompreFace's JavaScript client joins options by question marks where an ampersand belongs.
_JOINED_OPTION = re.compile(
    rb"\?(?=(?:limit|det_prob_threshold|prediction_count|face_plugins|status|detect_faces|page|size)=)"
)


def _some(embeddings: list[Embedding]) -> list[Embedding]:
    if not embeddings:
        raise PydanticCustomError("count", NO_EMBEDDING)
    return embeddings


def _predictions(value: int) -> int:
    if value == 0:
        raise PydanticCustomError("predictions", "Prediction count should be any positive number or -1")
    return _MOST_PREDICTIONS if value == _ALL_PREDICTIONS else min(value, _MOST_PREDICTIONS)


Embeddings = Annotated[list[Embedding], Field(max_length=_MOST_EMBEDDINGS, fail_fast=True), AfterValidator(_some)]
Whole = Annotated[int, Field(ge=0, le=1_000_000_000), WHOLE]
Size = Annotated[int, Field(ge=1, le=1_000_000_000), WHOLE, AfterValidator(lambda size: min(size, _MOST_PER_PAGE))]
Predictions = Annotated[int, Field(ge=_ALL_PREDICTIONS, le=1_000_000_000), WHOLE, AfterValidator(_predictions)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class CompreFaceQuery(DoorRequest):
    """The options in the query string. Unknown ones are ignored."""

    @classmethod
    @override
    def mended_query(cls, query: bytes) -> bytes:
        return _JOINED_OPTION.sub(b"&", query)


_EVERYBODY = "Name of the person. Default: all persons of the collection."


class CompreFaceDeleteQuery(CompreFaceQuery):
    """The subject whose faces are deleted. An empty one is an error: it would delete everybody."""

    name: Name | None = Field(None, validation_alias="subject", description=_EVERYBODY)

    @classmethod
    @override
    def nullable_fields(cls) -> frozenset[str]:
        return frozenset()


class CompreFaceFacesQuery(CompreFaceQuery):
    """The page of faces to list."""

    name: Name | None = Field(None, validation_alias="subject", description=_EVERYBODY)
    page: Whole = Field(0, description="Number of the page, from 0.")
    size: Size = Field(20, description="Number of faces per page, at most 2000.")


class CompreFaceAddQuery(CompreFaceQuery):
    """The subject of a new face."""

    name: Name = Field(validation_alias="subject", description="Name of the person. An unknown name creates a person.")
    det_prob_threshold: Confidence = Field(
        0, description="Minimum confidence of the detector, 0 to 1. Other faces do not count."
    )


class CompreFaceDetectQuery(CompreFaceQuery):
    """The options of all routes that look for faces in an image."""

    limit: Whole = Field(0, description="Maximum number of faces, the largest first. 0 = all.")
    det_prob_threshold: Confidence = Field(
        0, description="Minimum confidence of the detector, 0 to 1. Other faces do not count."
    )
    face_plugins: str = Field(
        "",
        max_length=1000,
        description="Comma-separated: `age`, `gender`, `landmarks`, `calculator`. Others are left out of the answer."
        " `age`, `gender` and `calculator` require the scope `faces`.",
    )
    status: bool = Field(False, description="Whether the answer names the models in `plugins_versions`.")

    @property
    def detection(self) -> dict[str, Any]:
        """The options of the service's own requests."""
        return {
            "enforce_detection": True,
            "max_faces": min(self.limit, 10_000) or None,
            "det_prob_threshold": self.det_prob_threshold,
        }

    @property
    def actions(self) -> list[Action]:
        """The attributes to estimate."""
        return [action for plugin, action in _PLUGINS.items() if plugin in self._plugins]

    @property
    def wants_embeddings(self) -> bool:
        """Whether each face comes with its embedding."""
        return _CALCULATOR in self._plugins

    @property
    def wants_landmarks(self) -> bool:
        """Whether each face comes with its landmarks."""
        return _LANDMARKS in self._plugins

    @property
    def _plugins(self) -> set[str]:
        return {plugin.strip() for plugin in self.face_plugins.split(",")}


class CompreFacePredictionsQuery(CompreFaceQuery):
    """How many subjects are listed."""

    prediction_count: Predictions = Field(
        1, description="Maximum number of persons per face, 1 to 100. -1 or more than 100 = 100."
    )


class CompreFaceRecognizeQuery(CompreFaceDetectQuery, CompreFacePredictionsQuery):
    """The options of /recognize."""

    detect_faces: bool = Field(
        True, description="If false, the whole image is one face, and no person but one of the very same image matches."
    )

    @property
    @override
    def detection(self) -> dict[str, Any]:
        if self.detect_faces:
            return super().detection
        return {"detector_backend": "skip", "enforce_detection": False}

    @property
    def threshold(self) -> float | None:
        """The threshold if it is not the service's own, which does not hold for a face that no detector found."""
        return None if self.detect_faces else 0.0


class CompreFaceImageRequest(DoorRequest):
    """An image."""

    img: ImageSource = Field(
        validation_alias="file", description="The image: a file in a multipart form, or base64 in JSON."
    )


class CompreFacePairRequest(DoorRequest):
    """Two images to compare."""

    img1: ImageSource = Field(
        validation_alias="source_image",
        description="The image with one face: a file in a multipart form, or base64 in JSON.",
    )
    img2: ImageSource = Field(
        validation_alias="target_image",
        description="The image whose faces are compared with it: a file in a multipart form, or base64 in JSON.",
    )


class CompreFaceSubjectRequest(DoorRequest):
    """The name of a subject."""

    is_json: ClassVar[bool] = True

    name: Name = Field(validation_alias="subject", description="Name of the person, unique in the collection.")


def _as_array(schema: dict[str, Any]) -> None:
    """Describe the list instead of the object that holds it."""
    listed = schema["properties"]["ids"] | {"title": schema["title"], "description": schema["description"]}
    schema.clear()
    schema.update(listed)


class CompreFaceDeleteRequest(DoorRequest):
    """The IDs of the faces to delete, as a JSON array."""

    model_config = {"json_schema_extra": _as_array}
    is_json: ClassVar[bool] = True
    list_field: ClassVar[str] = "ids"

    ids: Annotated[list[Id], Field(max_length=1000, fail_fast=True)] = Field(description="IDs of the faces.")


class CompreFaceEmbeddingsRequest(DoorRequest):
    """Embeddings to compare with stored faces. Requires the scope `embeddings`."""

    is_json: ClassVar[bool] = True
    most_values: ClassVar[int] = 500_000

    embeddings: Embeddings = Field(description="Embeddings of the default model, 1 to 100.")


class CompreFaceVerifyEmbeddingsRequest(DoorRequest):
    """An embedding, and others to compare it with."""

    is_json: ClassVar[bool] = True
    most_values: ClassVar[int] = 500_000

    source: Embedding = Field(description="An embedding of the default model.")
    targets: Embeddings = Field(description="Embeddings of the default model, 1 to 100.")


class CompreFaceDetection(DetectionOptions):
    """Options for finding faces, with the least confidence of the detector."""

    det_prob_threshold: float = 0

    @property
    @override
    def min_confidence(self) -> float:
        return self.det_prob_threshold


class CompreFaceDetect(CompreFaceDetection, faces.DetectRequest):
    """An image whose faces are located."""


class CompreFaceAnalyze(CompreFaceDetection, faces.AnalyzeRequest):
    """An image whose faces are analyzed."""


class CompreFaceRepresent(CompreFaceDetection, faces.RepresentRequest):
    """An image whose faces are embedded."""


class CompreFaceVerify(CompreFaceDetection, faces.VerifyRequest):
    """Two images to compare."""


class CompreFaceRegister(CompreFaceDetection, gallery.RegisterRequest):
    """An image of a person to register."""


class CompreFaceIdentify(CompreFaceDetection, gallery.IdentifyRequest):
    """An image, or an embedding, to look up in the gallery, or to compare with the face `face_id`."""

    requires_collection: ClassVar[bool] = False

    face_id: str | None = None

    @property
    @override
    def only_face(self) -> str | None:
        return self.face_id
