"""The use cases of the decisions of /verify: record them as events, and list them."""

from schemas.audit import Verification, VerificationsQuery, VerificationsResponse
from schemas.faces import VerifyResponse
from services.audit.events import RecordedEvent
from services.audit.recorder import EventLog, new_event
from services.audit.store import AuditStore
from services.audit.trail import page_of_sealed

_ACTION = "verify"

# The recorded fields of a decision: no image, embedding or name.
_DETAILS = ("model", "detector_backend", "similarity_metric", "distance", "threshold", "verified")


class VerificationService:
    """Records the decisions of /verify in the background.

    Decisions about a person of the gallery are always recorded, the others only if `enabled`.
    """

    def __init__(self, *, store: AuditStore, log: EventLog, enabled: bool) -> None:
        self._store = store
        self._log = log
        self._enabled = enabled

    def keep(self, answer: VerifyResponse) -> VerifyResponse:
        """The unchanged answer, after queueing its decision for the audit trail."""
        if self._enabled or answer.person_id is not None:
            said = {name: getattr(answer, name) for name in _DETAILS}
            outcome = "match" if answer.verified else "no_match"
            person_id, face_id = answer.person_id or "", answer.face_id or ""
            self._log.keep(new_event(_ACTION, outcome, person_id=person_id, face_id=face_id, **said))
        return answer

    def page(self, query: VerificationsQuery) -> VerificationsResponse:
        """A page of sealed decisions, in the order of sealing; raises ServiceUnavailable."""
        found, last = page_of_sealed(self._store, query, _verification, action=_ACTION)
        return VerificationsResponse(verifications=found, next_after=last)


def _verification(recorded: RecordedEvent) -> Verification:
    event = recorded.event
    return Verification(
        id=str(recorded.id),
        at=event.at,
        request_id=event.request_id,
        key_id=event.key_id,
        person_id=event.person_id,
        **event.details,
    )
