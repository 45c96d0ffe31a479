"""Request and response bodies of the audit trail."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, StringConstraints

from schemas.common import DISTANCE, THRESHOLD, PageLimit, Request, Response, key_if_set
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

    id: str = Field(description="ID of the entry: a number as text, counted up from 1.")
    at: datetime = Field(description="Time of the entry, in UTC.")
    request_id: str = Field(description="ID of the request, as in the header X-Request-Id. Empty for commands.")
    key_id: str = Field(description="ID of the API key of the request. Empty if there are no API keys.")
    person_id: str = Field(description="Person in the gallery. Empty if the entry is about no such person.")


class AuditEvent(Recorded):
    """A recorded action and its outcome."""

    action: str = Field(description="What was done, for example `register`, `identify` or `forget`.")
    outcome: str = Field(
        description="`done` or `refused` for changes. For decisions: the decision, for example `match` or `unknown`."
    )
    collection: str = Field(description="Collection of the gallery. Empty if the event is about none.")
    face_id: str = Field(description="Face in the gallery. Empty if the event is about no such face.")
    details: dict[str, JsonValue] = Field(description="A few more facts about the action, by name.")
    batch: int = Field(description="Number of the batch that seals the event, from 1.")


class AuditResponse(Response):
    """Sealed events in sealing order. New events always come after the last one."""

    events: list[AuditEvent] = Field(description="The events of this page.")
    next_after: str | None = Field(description="`after` of the next page. Null at the end.")


class ChainQuery(Request):
    """What the verification of the audit trail expects."""

    expect: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="A `last_hash` of an earlier verification, 64 hex digits. It must still be in the chain."
    )


class ChainResponse(Response):
    """Whether the audit trail is as it was sealed."""

    intact: bool = Field(description="True if nothing differs from what was sealed, and the expected hash was found.")
    events: int = Field(description="Number of sealed events.")
    batches: int = Field(description="Number of sealed batches.")
    unsealed: int = Field(description="Number of events that wait to be sealed.")
    last_hash: str = Field(
        description="Hash of the last batch, 64 hex digits. Note it elsewhere: with `expect`, it finds batches that are"
        " missing at the end, and a chain that was recomputed as a whole."
    )
    expected_found: bool | None = key_if_set("Whether the chain has the hash of `expect`. Only with `expect`.")
    problems: list[str] = Field(description="What differs, one line per problem. At most 100.")


class VerificationsQuery(SealedPage):
    """The page of verifications to list."""


class Verification(Recorded):
    """A decision of /verify, without image or embedding."""

    model: str = Field(description="Recognition model.")
    detector_backend: str = Field(description="Face detector.")
    similarity_metric: str = Field(description="Distance metric.")
    distance: float = Field(description=DISTANCE)
    threshold: float = Field(description=THRESHOLD)
    verified: bool = Field(description="Whether the pair counted as the same person.")


class VerificationsResponse(Response):
    """Sealed decisions in sealing order. New decisions always come after the last one."""

    verifications: list[Verification] = Field(description="The decisions of this page.")
    next_after: str | None = Field(description="`after` of the next page. Null at the end.")
