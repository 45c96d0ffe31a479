"""What the bodies of all doors have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from schemas.common import DISTANCE, FACE_CONFIDENCE, THRESHOLD, FacialArea, Request

# Fields of answers that several systems have.
UsedModel = Annotated[str, Field(description="Recognition model.")]
UsedDetector = Annotated[str, Field(description="Face detector.")]
UsedMetric = Annotated[str, Field(description="Distance metric.")]
Vector = Annotated[list[float], Field(description="The numbers of the embedding.")]
Dimension = Annotated[int, Field(description="Number of values in the embedding.")]
Box = Annotated[FacialArea, Field(description="Box and landmarks of the face.")]
PairOfBoxes = Annotated[dict[str, FacialArea], Field(description="Boxes of the compared pair: `img1` and `img2`.")]
Certainty = Annotated[float, Field(description=FACE_CONFIDENCE)]
Distance = Annotated[float, Field(description=DISTANCE)]
UsedThreshold = Annotated[float, Field(description=THRESHOLD)]

# Fields of requests that several systems have.
Enforce = Annotated[
    bool,
    Field(description="If true, an image without a face is an error. If false, the whole image counts as one face."),
]
Align = Annotated[bool, Field(description="Rotate faces upright.")]


class DoorRequest(Request):
    """Base of the requests of doors: unknown fields are ignored, and `null` means the same as leaving a field out."""

    model_config = ConfigDict(extra="ignore")

    is_foreign: ClassVar[bool] = True

    @classmethod
    def mended_query(cls, query: bytes) -> bytes:
        """The query string without the mistakes that clients of the other system are known to make."""
        return query

    @classmethod
    @override
    def nullable_fields(cls) -> frozenset[str]:
        return cls.names()


class DoorError(BaseModel, ABC):
    """Base of the error bodies of doors."""

    @classmethod
    @abstractmethod
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        """The body for an error of the service.

        `code` is the service's error code, and `status` the door's HTTP status. `message` is for humans; it names each
        wrong field. `fields` are the wrong fields, each with `field` and `msg`.
        """
