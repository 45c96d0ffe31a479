"""What is recorded of all that was decided or changed: events that are only added to, in batches that a chain seals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64  # stands for the hash before the first


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something decided or changed, and when. It holds no image, embedding, name or secret."""

    action: str
    outcome: str
    at: datetime = field(default_factory=_now)
    request_id: str = ""
    key_id: str = ""
    collection: str = ""
    person_id: str = ""
    face_id: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event, and the number of the batch in which it is sealed; None before that is."""

    id: int
    event: Event
    batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What closes a batch. Numbers are consecutive from 1; `previous` is the hash of the batch before, or GENESIS."""

    number: int
    at: datetime
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A seal and all events that are in it, by id."""

    seal: Seal
    events: list[RecordedEvent]


def fields_of(recorded: RecordedEvent) -> dict[str, Any]:
    """All that is recorded of an event but its batch, as JSON has it; the moment in UTC with microseconds."""
    said = {one.name: getattr(recorded.event, one.name) for one in fields(Event)}
    return said | {"id": recorded.id, "at": moment(recorded.event.at)}


def moment(at: datetime) -> str:
    """The moment in UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def json_line(value: Mapping[str, Any]) -> bytes:
    """The one way to write this as a line of JSON: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def hash_of(number: int, at: datetime, previous: str, events: Sequence[RecordedEvent]) -> str:
    """The hash of a batch, SHA-256 in hex: of a line with its number, time and predecessor, then of one per event."""
    digest = sha256(json_line({"batch": number, "sealed_at": moment(at), "previous": previous}))
    for one in events:
        digest.update(json_line(fields_of(one)))
    return digest.hexdigest()
