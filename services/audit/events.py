"""The events of the audit trail: append-only, and sealed in batches by a chain of hashes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64  # stands for the hash before the first batch


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A decision or a change, with its time. It holds no image, embedding, name or secret."""

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
    """An event with its id and the number of the batch that seals it; None before it is sealed."""

    id: int
    event: Event
    batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The seal of a batch. Numbers are consecutive from 1; `previous` is the hash of the previous batch, or GENESIS."""

    number: int
    at: datetime
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A seal with all events of its batch, by id."""

    seal: Seal
    events: list[RecordedEvent]


def fields_of(recorded: RecordedEvent) -> dict[str, Any]:
    """The fields of an event except its batch, ready for JSON; the time in UTC with microseconds."""
    said = {one.name: getattr(recorded.event, one.name) for one in fields(Event)}
    return said | {"id": recorded.id, "at": moment(recorded.event.at)}


def moment(at: datetime) -> str:
    """The time in UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def json_line(value: Mapping[str, Any]) -> bytes:
    """The canonical JSON line of a value: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def hash_of(number: int, at: datetime, previous: str, events: Sequence[RecordedEvent]) -> str:
    """The hash of a batch: SHA-256 in hex of one line for the batch, then one line per event.

    The line of the batch has its number, time and previous hash.
    """
    digest = sha256(json_line({"batch": number, "sealed_at": moment(at), "previous": previous}))
    for one in events:
        digest.update(json_line(fields_of(one)))
    return digest.hexdigest()
