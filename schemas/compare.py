"""Bodies of /compare: one face, or its embedding, against embeddings."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.common import WHOLE, ComparisonOptions, FacialArea, ImageSource, Response, key_if_set
from schemas.gallery import Embedding, parsed


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


class CompareRequest(ComparisonOptions):
    """One source, `img` or `source_vector`, and embeddings of the same model and options to compare it with."""

    most_values: ClassVar[int] = 500_000

    img: ImageSource | None = None
    source_vector: Embedding | None = Field(None, description="In place of img; in forms as JSON.")
    target_vector: Embedding | None = Field(None, description="One target; in forms as JSON.")
    target_vectors: Targets | None = Field(
        None, description="Several: lists of numbers, or objects of id and vector; in forms as JSON."
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
