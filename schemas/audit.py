"""Request and response bodies of the audit trail."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, StringConstraints

from schemas.common import PageLimit, Request, Response
from schemas.fields import Id

_FIRST = "0-0"


class SealedPage(Request):
    """A page of sealed entries."""

    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$")] = Field(
        _FIRST, description="`next_after` of the previous page."
    )
    limit: PageLimit = 100


class AuditQuery(SealedPage):
    """Filters for the list of audit events."""

    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,50}$")] | None = Field(
        None, description="Only events with this action, for example `register`."
    )
    person_id: Id | None = Field(None, description="Only events about this person.")


class Recorded(BaseModel):
    """A recorded event or decision, without image or embedding."""

    id: str
    at: datetime
    request_id: str
    key_id: str = Field(description="ID of the API key of the request. Empty if there are no API keys.")
    person_id: str = Field(description="Person in the gallery. Empty if the entry is about no such person.")


class AuditEvent(Recorded):
    """A recorded action and its outcome."""

    action: str
    outcome: str
    collection: str
    face_id: str
    details: dict[str, JsonValue]
    batch: int = Field(description="Number of the batch that seals the event.")


class AuditResponse(Response):
    """Sealed events in sealing order. New events always come after the last one."""

    events: list[AuditEvent]
    next_after: str | None = Field(description="`after` of the next page. Null at the end.")


class VerificationsQuery(SealedPage):
    """The page of verifications to list."""


class Verification(Recorded):
    """A decision of /verify, without image or embedding."""

    model: str
    detector_backend: str
    similarity_metric: str
    distance: float
    threshold: float
    verified: bool


class VerificationsResponse(Response):
    """Sealed decisions in sealing order. New decisions always come after the last one."""

    verifications: list[Verification]
    next_after: str | None = Field(description="`after` of the next page. Null at the end.")
