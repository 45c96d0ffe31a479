"""The use-cases of the decisions of /verify: they are kept as events, and listed."""

from schemas.audit import Verification, VerificationsQuery, VerificationsResponse
from schemas.faces import VerifyResponse
from services.audit.events import RecordedEvent
from services.audit.recorder import EventLog, new_event
from services.audit.store import AuditStore
from services.audit.trail import page_of_sealed

_ACTION = "verify"

# What is said of a decision; no image, embedding or name.
_DETAILS = ("model", "detector_backend", "similarity_metric", "distance", "threshold", "verified")


class VerificationService:
    """Keeps the decisions of /verify, behind the answers: all about a person, the others where that is `enabled`."""

    def __init__(self, *, store: AuditStore, log: EventLog, enabled: bool) -> None:
        self._store = store
        self._log = log
        self._enabled = enabled

    def keep(self, answer: VerifyResponse) -> VerifyResponse:
        """Have the decision recorded, and give the answer back."""
        if self._enabled or answer.person_id is not None:
            said = {name: getattr(answer, name) for name in _DETAILS}
            outcome = "match" if answer.verified else "no_match"
            person_id, face_id = answer.person_id or "", answer.face_id or ""
            self._log.keep(new_event(_ACTION, outcome, person_id=person_id, face_id=face_id, **said))
        return answer

    def page(self, query: VerificationsQuery) -> VerificationsResponse:
        """Sealed decisions, in the order of sealing; raises ServiceUnavailable."""
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
