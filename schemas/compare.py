"""Bodies of /compare: one face, or its embedding, against embeddings."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.common import WHOLE, ComparisonOptions, FacialArea, ImageSource, Metric, Response, key_if_set
from schemas.fields import Embedding, parsed


class Target(BaseModel):
    """An embedding to compare with, by a name of the client's own."""

    id: str | None = Field(None, max_length=200)
    vector: Embedding


def _target(value: object) -> object:
    """A bare list of numbers as the object it stands for."""
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
    """A field that a request may also give by its other name; both at once are one field too many."""
    return Field(None, validation_alias=AliasChoices(name, OTHER_NAMES[name]), description=description)


def _with_other_names(schema: dict[str, Any]) -> None:
    """Describe the other names too: the document allows no field that it does not have."""
    properties = schema["properties"]
    for name, other in OTHER_NAMES.items():
        properties[other] = properties[name] | {"description": f"Another name of {name}, in its place."}


class CompareRequest(ComparisonOptions):
    """One source, `img` or `source_vector`, and embeddings of the same model and options to compare it with."""

    model_config = ConfigDict(json_schema_extra=_with_other_names)

    most_values: ClassVar[int] = 500_000

    img: ImageSource | None = None
    source_vector: Embedding | None = _by_either_name("source_vector", "In place of img; in forms as JSON.")
    target_vector: Embedding | None = _by_either_name("target_vector", "One target; in forms as JSON.")
    target_vectors: Targets | None = _by_either_name(
        "target_vectors", "Several: lists of numbers, or objects of id and vector; in forms as JSON."
    )
    distance_metric: Metric | None = _by_either_name(
        "distance_metric", ComparisonOptions.model_fields["distance_metric"].description
    )
    face_index: Annotated[int, Field(ge=0, le=10_000), WHOLE] | None = Field(
        None, description="Which face of the image, in the detector's order; by default the largest."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> "CompareRequest":
        if (self.img is None) == (self.source_vector is None):
            raise PydanticCustomError("source", "Give either img or source_vector")
        if (self.target_vector is None) == (self.target_vectors is None):
            raise PydanticCustomError("target", "Give either target_vector or target_vectors")
        return self


class Source(BaseModel):
    """What was compared."""

    type: Literal["image", "vector"]
    face_index: int | None = key_if_set()
    facial_area: FacialArea | None = key_if_set()


class Compared(BaseModel):
    """One target; `index` is its place in the request."""

    index: int
    id: str | None = key_if_set()
    distance: float
    similarity: float
    verified: bool


class CompareResponse(Response):
    """Every target, in the order of the request, and the nearest."""

    model: str
    distance_metric: str
    threshold: float
    source: Source
    results: list[Compared]
    best: Compared
