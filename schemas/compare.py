"""Bodies of /compare, which compares one face or embedding with other embeddings."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.common import (
    DISTANCE,
    IMAGE,
    SIMILARITY,
    THRESHOLD,
    THRESHOLD_SOURCE,
    WHOLE,
    ComparisonOptions,
    FacialArea,
    ImageResponse,
    ImageSource,
    key_if_set,
)
from schemas.fields import Embedding, parsed
from schemas.names import Metric, ThresholdSource


class Target(BaseModel):
    """An embedding to compare with. `id` is a name that the client may choose."""

    id: str | None = Field(None, max_length=200, description="Name of the target, repeated in its result.")
    vector: Embedding = Field(description="The embedding, as many numbers as the model gives.")


def _target(value: object) -> object:
    """The object for a bare list of numbers; other values unchanged."""
    return {"vector": value} if isinstance(value, list) else value


Targets = Annotated[
    list[Annotated[Target, BeforeValidator(_target)]],
    Field(min_length=1, max_length=10_000, fail_fast=True),
    BeforeValidator(parsed),
]

OTHER_NAMES = {
    "source_vector": "vector",
    "target_vector": "vector_b",
    "target_vectors": "vectors",
    "distance_metric": "metric",
}


def _by_either_name(name: str, description: str | None) -> Any:
    """A field that a request may also send by its other name. Both names at once are an error."""
    return Field(None, validation_alias=AliasChoices(name, OTHER_NAMES[name]), description=description)


def _with_other_names(schema: dict[str, Any]) -> None:
    """Add the other names to the schema, because the schema forbids undeclared fields."""
    properties = schema["properties"]
    for name, other in OTHER_NAMES.items():
        properties[other] = properties[name] | {"description": f"Alias of {name}. Send only one of the two."}


class CompareRequest(ComparisonOptions):
    """One source (`img` or `source_vector`), and embeddings of the same model and options to compare it with."""

    model_config = ConfigDict(json_schema_extra=_with_other_names)

    most_values: ClassVar[int] = 500_000
    vectors: ClassVar[frozenset[str]] = frozenset({*OTHER_NAMES, *OTHER_NAMES.values()}) - {"distance_metric", "metric"}

    img: ImageSource | None = Field(None, description=f"The image: {IMAGE}")
    source_vector: Embedding | None = _by_either_name("source_vector", "Embedding, in place of img. In forms: JSON.")
    target_vector: Embedding | None = _by_either_name("target_vector", "One target embedding. In forms: JSON.")
    target_vectors: Targets | None = _by_either_name(
        "target_vectors", "Several targets: lists of numbers, or objects with id and vector. In forms: JSON."
    )
    distance_metric: Metric | None = _by_either_name(
        "distance_metric", ComparisonOptions.model_fields["distance_metric"].description
    )
    face_index: Annotated[int, Field(ge=0, le=10_000), WHOLE] | None = Field(
        None, description="Index of the face in the image, from 0, in the detector's order. Default: the largest face."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> "CompareRequest":
        if (self.img is None) == (self.source_vector is None):
            raise PydanticCustomError("source", "Give either img or source_vector")
        if (self.target_vector is None) == (self.target_vectors is None):
            raise PydanticCustomError("target", "Give either target_vector or target_vectors")
        return self


class Source(BaseModel):
    """The compared source: a face of the image, or an embedding."""

    type: Literal["image", "vector"] = Field(description="Whether the source is a face of `img` or `source_vector`.")
    face_index: int | None = key_if_set("Index of the face in the image, from 0, in the detector's order.")
    facial_area: FacialArea | None = key_if_set("Box and landmarks of the face.")


class Compared(BaseModel):
    """The result for one target."""

    index: int = Field(description="Position of the target in the request, from 0.")
    id: str | None = key_if_set("The target's `id` in the request.")
    distance: float = Field(description=DISTANCE)
    similarity: float = Field(description=SIMILARITY)
    verified: bool = Field(description="True if the distance is within the threshold and the face is no spoof.")


class CompareResponse(ImageResponse):
    """The results for all targets in request order. `best` is the nearest target."""

    model: str = Field(description="Recognition model.")
    distance_metric: str = Field(description="Distance metric.")
    threshold: float = Field(description=THRESHOLD)
    threshold_source: ThresholdSource = Field(description=THRESHOLD_SOURCE)
    source: Source = Field(description="What was compared with the targets.")
    results: list[Compared] = Field(description="One result per target, in request order.")
    best: Compared = Field(description="The result of the nearest target.")
