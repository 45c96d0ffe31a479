"""Bodies of the audit trail."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, StringConstraints

from schemas.common import PageLimit, Request, Response
from schemas.fields import Id

_FIRST = "0-0"


class SealedPage(Request):
    """Which page of what is sealed."""

    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$")] = Field(
        _FIRST, description="The `next_after` of the page before."
    )
    limit: PageLimit = 100


class AuditQuery(SealedPage):
    """Which events are listed."""

    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,50}$")] | None = Field(
        None, description="Of this action only, such as `register`."
    )
    person_id: Id | None = Field(None, description="About this person only.")


class Recorded(BaseModel):
    """Something that was recorded; it holds no image and no embedding."""

    id: str
    at: datetime
    request_id: str
    key_id: str = Field(description="Who asked; empty where the service has no keys.")
    person_id: str = Field(description="The person of the gallery; empty where it is about nobody there.")


class AuditEvent(Recorded):
    """What somebody did, and what came of it."""

    action: str
    outcome: str
    collection: str
    face_id: str
    details: dict[str, JsonValue]
    batch: int = Field(description="The batch in which it is sealed.")


class AuditResponse(Response):
    """Sealed events, in the order of sealing: nothing is ever added before the last."""

    events: list[AuditEvent]
    next_after: str | None = Field(description="For the next page; null at the end.")


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
