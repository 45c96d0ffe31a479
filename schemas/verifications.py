"""Bodies of the log of 1:1 decisions."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from schemas.common import Request, Response


class VerificationsQuery(Request):
    """Which decisions are listed."""

    after: Annotated[int, Field(ge=0, le=2**53)] = Field(0, description="Those later than this id.")
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Verification(BaseModel):
    """A decision of /verify; it holds no image and no embedding."""

    id: str
    at: datetime
    request_id: str
    key_id: str = Field(description="Who asked; empty where the service has no keys.")
    person_id: str = Field(description="The person of the gallery; empty where two images were compared.")
    model: str
    detector_backend: str
    similarity_metric: str
    distance: float
    threshold: float
    verified: bool


class VerificationsResponse(Response):
    """Decisions, oldest first."""

    verifications: list[Verification]
    next_after: int | None = Field(description="For the next page; null at the end.")
