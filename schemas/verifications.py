"""Bodies of the log of 1:1 decisions."""

from typing import Annotated

from pydantic import Field

from schemas.audit import Recorded
from schemas.common import PageLimit, Request, Response


class VerificationsQuery(Request):
    """Which decisions are listed."""

    after: Annotated[int, Field(ge=0, le=2**53)] = Field(0, description="Those later than this id.")
    limit: PageLimit = 100


class Verification(Recorded):
    """A decision of /verify; it holds no image and no embedding."""

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
