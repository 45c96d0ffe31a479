"""Bodies of /register, /search and /build/index."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field

from schemas import gallery
from schemas.common import PAIR_CONFIDENCE, ImageSource
from schemas.compat.common import Distance, UsedMetric, UsedThreshold
from schemas.compat.deepface.faces import LENIENT_INT, AsDeepFace, DeepFaceApiModelRequest, Flag
from schemas.fields import COLLECTION, CollectionName, Name
from schemas.names import Metric, Normalization


class DeepFaceApiIndexRequest(DeepFaceApiModelRequest):
    """A request about the stored faces of a model."""

    l2_normalize: Flag = Field(False, description="Turns the metric `euclidean` into `euclidean_l2`.")
    collection: CollectionName = Field(COLLECTION, description="The collection. Default: that of the API key.")


class DeepFaceApiStoredRequest(DeepFaceApiIndexRequest):
    """An image whose faces are stored, or compared with stored ones."""

    img: ImageSource
    expand_percentage: Annotated[int, Field(ge=0, le=100), LENIENT_INT] = Field(
        0, description="Enlarge face boxes by this percentage."
    )
    normalization: Normalization = Field("base", description="Normalization of the model's input.")

    @property
    def stored(self) -> dict[str, Any]:
        """The options for the service's own request, with the image."""
        given = self.model_dump(include={"expand_percentage", "normalization", "collection"})
        return {**self.embedding, **given, "img": self.img}


class DeepFaceApiRegisterRequest(DeepFaceApiStoredRequest):
    """An image whose faces are registered for one person."""

    img_name: Name | None = Field(
        None,
        description="Name of the image. Its first folder is the person's name; without a folder, its name without the"
        " suffix. Default: the image's path or URL, or else a random name.",
    )


class DeepFaceApiSearchRequest(DeepFaceApiStoredRequest):
    """An image whose faces are searched for among the stored ones."""

    distance_metric: Metric = Field("cosine", description="Distance metric for embeddings.")
    search_method: Literal["exact", "ann"] = Field("exact", description="Both compare with every stored face.")
    similarity_search: Flag = Field(False, description="Also list faces beyond the threshold.")
    k: Annotated[int, Field(ge=0, le=100), LENIENT_INT] | None = Field(
        None, description="Maximum number of faces. Default, also for 0: all; with `similarity_search` 100."
    )
    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="Maximum distance. Default: DeepFace's. Required where DeepFace's does not hold."
    )

    @property
    def metric(self) -> Metric:
        """The metric that DeepFace compares with."""
        if self.search_method == "ann":
            return "cosine" if self.l2_normalize else "euclidean"
        return "euclidean_l2" if self.l2_normalize and self.distance_metric == "euclidean" else self.distance_metric

    @property
    def search(self) -> dict[str, Any]:
        """The options for the service's own request, with the image."""
        return {**self.stored, "distance_metric": self.metric, "threshold": self.threshold}


def person_of(img_name: str) -> str:
    """The person's name in the name of an image: its first folder, or else the name without suffix.

    A URL is a name as a whole: the folders of different servers are not one person.
    """
    if "://" in img_name:
        return img_name
    path = PurePosixPath(img_name.strip("/"))
    return path.parts[0] if len(path.parts) > 1 else path.stem


class DeepFaceApiRegister(AsDeepFace, gallery.RegisterEveryRequest):
    """An image to register as DeepFace does."""


class DeepFaceApiSearch(AsDeepFace, gallery.RecognizeRequest):
    """An image to search for among the stored faces within the threshold."""

    lists_faces: ClassVar[bool] = True
    requires_faces: ClassVar[bool] = True
    compares_everybody: ClassVar[bool] = True
    spares_photos: ClassVar[bool] = True


class DeepFaceApiSimilar(AsDeepFace, gallery.IdentifyRequest):
    """An image to search for among the stored faces, whatever their distance."""

    lists_faces: ClassVar[bool] = True
    requires_faces: ClassVar[bool] = True
    compares_everybody: ClassVar[bool] = True
    spares_photos: ClassVar[bool] = True


class DeepFaceApiRegisterResponse(BaseModel):
    """How many faces were stored."""

    inserted: int = Field(description="Number of faces that were stored.")


class DeepFaceApiMatch(BaseModel):
    """A stored face. The box is that of the face in the request."""

    id: str = Field(description="ID of the face.")
    img_name: str = Field(description="As registered. The person's name for faces that were not registered here.")
    model_name: str = Field(
        description="That of the request; for persons without a face of it, the service's default with its threshold."
    )
    detector_backend: str = Field(description="That of the request.")
    aligned: bool = Field(description="`align` of the request.")
    l2_normalized: bool = Field(description="`l2_normalize` of the request.")
    search_method: str = Field(description="That of the request.")
    target_x: int = Field(description="Left edge of the box, in pixels.")
    target_y: int = Field(description="Top edge of the box, in pixels.")
    target_w: int = Field(description="Width of the box, in pixels.")
    target_h: int = Field(description="Height of the box, in pixels.")
    threshold: UsedThreshold
    distance_metric: UsedMetric
    distance: Distance
    confidence: float = Field(description=PAIR_CONFIDENCE)


class DeepFaceApiSearchResponse(BaseModel):
    """The stored faces for each face of the image, nearest first."""

    results: list[list[DeepFaceApiMatch]] = Field(description="One list for each face of the image.")

    @classmethod
    def of(cls, answer: gallery.IdentifyResponse, request: DeepFaceApiSearchRequest, photos: Mapping[str, str]) -> Self:
        """The answer of the service to this request. `photos` are the names of photos by the ids of the faces."""
        return cls(
            results=[
                [_match(match, face, request, photos.get(match.face_id, match.name)) for match in face.matches]
                for face in answer.result
            ]
        )


def _match(
    match: gallery.Match, face: gallery.IdentifiedFace, request: DeepFaceApiSearchRequest, photo: str
) -> DeepFaceApiMatch:
    assert face.facial_area is not None, "the request has an image"
    return DeepFaceApiMatch(
        id=match.face_id,
        img_name=photo,
        model_name=match.model if isinstance(match, gallery.MatchByDefault) else request.model_name,
        detector_backend=request.detector_backend,
        aligned=request.align,
        l2_normalized=request.l2_normalize,
        search_method=request.search_method,
        target_x=face.facial_area.x,
        target_y=face.facial_area.y,
        target_w=face.facial_area.w,
        target_h=face.facial_area.h,
        threshold=match.threshold,
        distance_metric=request.metric,
        distance=match.distance,
        confidence=match.confidence,
    )


class DeepFaceApiIndexResponse(BaseModel):
    """That the stored faces can be searched."""

    message: Literal["Index built successfully"] = Field(
        "Index built successfully", description="The same in every success response."
    )
