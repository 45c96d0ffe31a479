"""Bodies of the log of 1:1 decisions."""

from pydantic import Field

from schemas.audit import Recorded, SealedPage
from schemas.common import Response


class VerificationsQuery(SealedPage):
    """Which decisions are listed."""


class Verification(Recorded):
    """A decision of /verify; it holds no image and no embedding."""

    model: str
    detector_backend: str
    similarity_metric: str
    distance: float
    threshold: float
    verified: bool


class VerificationsResponse(Response):
    """Sealed decisions, in the order of sealing: none is ever added before the last."""

    verifications: list[Verification]
    next_after: str | None = Field(description="For the next page; null at the end.")
