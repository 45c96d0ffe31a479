"""The use cases of the audit trail: verify it, export it, and list its events."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from pydantic import ValidationError

from core.exceptions import CommandError, ServiceUnavailable
from core.timeouts import check_deadline
from schemas.audit import AuditEvent, AuditQuery, AuditResponse, ChainQuery, ChainResponse, SealedPage
from services.audit.events import GENESIS, Batch, RecordedEvent, fields_of, hash_of, json_line, moment
from services.audit.store import AuditStore, Unreadable

Wire = TypeVar("Wire")

_MAX_PROBLEMS = 100  # in an answer
_AT_ONCE = 50  # batches that are read together; this many fit into memory for a trail of any length


@dataclass(slots=True)
class VerificationReport:
    """The result of a verification.

    It counts events, batches and unsealed events, and holds the last hash. `is_whole` says that nothing differs from
    what was sealed, `has_expected` that the expected hash is in the chain.
    """

    events: int = 0
    batches: int = 0
    unsealed: int = 0
    last_hash: str = GENESIS
    is_whole: bool = True
    has_expected: bool = False


class UnreadableTrail(CommandError):
    """A batch holds values that the service did not record; `verify` reports more."""


class AuditService:
    """Reads the audit trail. Every method may raise ServiceUnavailable."""

    def __init__(self, *, store: AuditStore) -> None:
        self._store = store

    def verify(self, *, expect: str | None, report: Callable[[str], None]) -> VerificationReport:
        """Recompute every hash; `report` is called for each batch with a problem, and for each restored backup.

        It finds sealed events that were changed, removed, added or moved. Only `expect`, a hash noted elsewhere, finds
        missing batches at the end, and a chain that was recomputed as a whole.
        """
        standing = self._store.standing()
        proof = VerificationReport(unsealed=standing.unsealed, has_expected=expect == GENESIS)

        def wrong(what: str) -> None:
            proof.is_whole = False
            report(what)

        following = 1
        for number, batch in self._walk(standing.last):
            if number != following:
                wrong(f"batch {following}: missing" if following < number else f"batch {number}: out of place")
            following = number + 1
            if batch is None:
                wrong(f"batch {number}: cannot be read")
                continue
            seal = batch.seal
            if seal.previous != proof.last_hash:
                wrong(f"batch {number}: does not follow the previous batch")
            if not _is_as_sealed(batch):
                wrong(f"batch {number}: its seal or one of its {len(batch.events)} events was changed")
            for gap in map(_gap, batch.events):
                if gap:
                    report(f"batch {number}: {gap}")
            proof.events += len(batch.events)
            proof.batches += 1
            proof.last_hash = seal.hash
            proof.has_expected |= seal.hash == expect
        if standing.astray:
            wrong(f"{standing.astray} events are in batches that do not exist")
        return proof

    def verification(self, query: ChainQuery) -> ChainResponse:
        """The result of `verify`.

        Raises:
            DeadlineExceeded: the trail is too long to be verified by a request.
        """
        problems: list[str] = []
        proof = self.verify(expect=query.expect, report=problems.append)
        return ChainResponse(
            intact=proof.is_whole and (query.expect is None or proof.has_expected),
            events=proof.events,
            batches=proof.batches,
            unsealed=proof.unsealed,
            last_hash=proof.last_hash,
            expected_found=None if query.expect is None else proof.has_expected,
            problems=problems[:_MAX_PROBLEMS],
        )

    def export(self, file: BinaryIO) -> tuple[int, int]:
        """Write the sealed events as JSON lines in the order of sealing; returns how many events and batches.

        Raises:
            UnreadableTrail: a batch cannot be read; the export ends before it.
            OSError: the file cannot be written.
        """
        events = batches = 0
        for number, batch in self._walk(self._store.standing().last):
            if batch is None:
                raise UnreadableTrail(f"Batch {number} cannot be read. Run: face-service audit verify")
            seal = batch.seal
            sealed = {"batch": number, "sealed_at": moment(seal.at), "previous": seal.previous, "hash": seal.hash}
            for one in batch.events:
                file.write(json_line(fields_of(one) | sealed))
            events += len(batch.events)
            batches += 1
        return events, batches

    def page(self, query: AuditQuery) -> AuditResponse:
        """A page of sealed events, in the order of sealing."""
        found, last = page_of_sealed(self._store, query, _wire, action=query.action, person_id=query.person_id)
        return AuditResponse(events=found, next_after=last)

    def _walk(self, last: int) -> Iterator[tuple[int, Batch | None]]:
        """The batches up to this number, each with its number; None for an unreadable batch."""
        numbers = self._store.batch_numbers(after=None, until=last, limit=_AT_ONCE)
        while numbers:
            check_deadline()
            yield from self._read(numbers)
            numbers = self._store.batch_numbers(after=numbers[-1], until=last, limit=_AT_ONCE)

    def _read(self, numbers: list[int]) -> Iterator[tuple[int, Batch | None]]:
        try:
            yield from [(batch.seal.number, batch) for batch in self._store.batches(numbers[0], numbers[-1])]
        except Unreadable:
            if len(numbers) == 1:
                yield numbers[0], None
                return
            middle = len(numbers) // 2
            yield from self._read(numbers[:middle])
            yield from self._read(numbers[middle:])


def page_of_sealed(
    store: AuditStore,
    page: SealedPage,
    wire: Callable[[RecordedEvent], Wire],
    *,
    action: str | None,
    person_id: str | None = None,
) -> tuple[list[Wire], str | None]:
    """Sealed events after the previous page, and `next_after` if there may be more.

    Paging by event id would skip some events for ever: in PostgreSQL, a transaction with a smaller id may end later.

    Raises:
        ServiceUnavailable: also if an event holds values that the service did not record.
    """
    batch, _, number = page.after.partition("-")
    after = int(batch), int(number)
    try:
        found = store.sealed(action=action, person_id=person_id, after=after, limit=page.limit)
        wired = [wire(one) for one in found]
    except (Unreadable, TypeError, ValidationError) as error:
        raise ServiceUnavailable(
            "An audit event cannot be read: it was changed. Run: face-service audit verify"
        ) from error
    return wired, f"{found[-1].batch}-{found[-1].id}" if len(found) == page.limit else None


def _gap(recorded: RecordedEvent) -> str:
    """What the trail lacks because a backup was restored; empty if the event does not restore one."""
    event, said = recorded.event, recorded.event.details
    if event.action != "restore" or not isinstance(said, Mapping):
        return ""
    lost = "what was recorded since is not in this trail"
    if "replaced_batch" in said:
        lost += f": after batch {said.get('batch')} it had batches up to {said['replaced_batch']},"
        lost += f" with the last hash {said.get('replaced_hash')}"
    return f"on {moment(event.at)} a backup of {said.get('backup_at')} was restored; {lost}"


def _is_as_sealed(batch: Batch) -> bool:
    seal = batch.seal
    try:
        return hash_of(seal.number, seal.at, seal.previous, batch.events) == seal.hash
    except (ValueError, TypeError, AttributeError):  # a value that is invalid as JSON or as a time
        return False


def _wire(recorded: RecordedEvent) -> AuditEvent:
    event = recorded.event
    return AuditEvent(
        id=str(recorded.id),
        at=event.at,
        request_id=event.request_id,
        key_id=event.key_id,
        person_id=event.person_id,
        batch=recorded.batch,
        action=event.action,
        outcome=event.outcome,
        collection=event.collection,
        face_id=event.face_id,
        details=event.details,
    )
