"""The API keys: who a request comes from, and the use-cases of making, listing and revoking keys."""

import logging
import math
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest

from core.exceptions import ServiceError, ServiceUnavailable, Unauthorized
from core.scopes import Scope
from core.timeouts import left_s, waiting
from services.access.key_store import KeyStore, StoredKey

logger = logging.getLogger(__name__)

_PREFIX = "fsk"  # by which scanners for leaked secrets can tell ours
_SECRET_BYTES = 32

# How old the known keys are when they are looked up again, behind the answers; when answers wait for that; and when
# nothing is opened with them any more. A database that is away is not waited for each time.
_REFRESH_S = 2.0
_OLDEST_S = 4.0
_REVOKED_WITHIN_S = 5.0
_OLDEST_FAILURE_S = 10.0
_LOOKS = 2  # that an answer waits for at most; one that took long found what is old by now


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and what is allowed; with a `collection`, of the gallery that one only."""

    key_id: str
    scopes: frozenset[Scope]
    collection: str | None = None


ANYBODY = Caller(key_id="", scopes=frozenset(Scope))

# What a key of an unknown id is compared with, so that it takes as long; it opens nothing whatever the secret.
_NOBODYS = StoredKey(
    id="",
    name="",
    secret_sha256=bytes(_SECRET_BYTES),
    scopes=frozenset(),
    collection=None,
    created_at=datetime.min,
    expires_at=None,
    revoked_at=datetime.min,
)


class KeyService:
    """Knows the keys of the setting, `env-1` and on, and those of the store; for all threads.

    It keeps all keys rather than ask for one. So a wrong key costs no query, and takes as long whatever its id.
    """

    def __init__(self, *, store: KeyStore, secrets_of_setting: Iterable[str], required: bool) -> None:
        self._store = store
        self._of_setting = [_digest(secret) for secret in secrets_of_setting]
        self._required = required
        self._looked = threading.Condition()
        self._keys: Mapping[str, StoredKey] | None = None  # the last known
        self._looked_at = -math.inf
        self._is_looking = False
        self._failed = False
        self._used: set[str] = set()

    def caller(self, token: str | None) -> Caller:
        """Whose key this is; without any key in setting and store, and none required, it is anybody.

        It takes as long for a wrong key as for a right one, whatever is wrong with it.

        Raises:
            Unauthorized: nobody's, or that of a key that is revoked or has expired.
            ServiceUnavailable: the store does not say which keys there are.
        """
        digest = _digest(token or "")
        found = [compare_digest(digest, known) for known in self._of_setting]
        if any(found):
            return Caller(key_id=f"env-{found.index(True) + 1}", scopes=frozenset(Scope))
        keys = self._current()
        if not keys and not self._of_setting and not self._required:
            return ANYBODY
        key_id, _, secret = (token or "").removeprefix(f"{_PREFIX}_").partition("_")
        key = keys.get(key_id, _NOBODYS)
        is_right = compare_digest(_digest(secret), key.secret_sha256)
        if not is_right or not key.is_valid(datetime.now(UTC)):
            raise Unauthorized
        if key.last_used_on != datetime.now(UTC).date():
            with self._looked:
                self._used.add(key.id)
        return Caller(key_id=key.id, scopes=key.scopes, collection=key.collection)

    def has_none(self) -> bool:
        """Whether there is no key; raises ServiceUnavailable."""
        return not self._of_setting and not self._store.all_keys()

    def create(
        self, name: str, scopes: Iterable[Scope], *, collection: str | None = None, expires_at: datetime | None = None
    ) -> tuple[StoredKey, str]:
        """A new key, and what opens with it: only now, since just its SHA-256 is kept.

        Raises:
            ServiceUnavailable, StorageFull: it is not kept.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        key = StoredKey(
            id=secrets.token_hex(6),
            name=name,
            secret_sha256=_digest(secret),
            scopes=frozenset(scopes),
            collection=collection,
            created_at=datetime.now(UTC),
            expires_at=expires_at,
        )
        self._store.add(key)
        self._looked_at = -math.inf
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def all_keys(self) -> list[StoredKey]:
        """All keys of the store there ever were, the oldest first; raises ServiceUnavailable."""
        return self._store.all_keys()

    def revoke(self, key_id: str) -> bool:
        """Have a key open nothing any more, in no process, within 5 seconds; False if there is none of this id.

        Raises:
            ServiceUnavailable, StorageFull: it is still valid.
        """
        is_known = self._store.revoke(key_id, datetime.now(UTC))
        self._looked_at = -math.inf
        return is_known

    def _current(self) -> Mapping[str, StoredKey]:
        with self._looked:
            for _ in range(_LOOKS):
                if self._age_s() >= _REFRESH_S and not self._is_looking:
                    self._is_looking = True
                    threading.Thread(target=self._look, name="keys", daemon=True).start()
                if self._age_s() < (_OLDEST_FAILURE_S if self._failed else _OLDEST_S):
                    break
                with waiting():
                    self._looked.wait_for(lambda: not self._is_looking, left_s())
            # A service that was open stays so while its database is away; of keys there may be others by now.
            is_unknown = self._failed or self._age_s() >= _REVOKED_WITHIN_S
            if self._keys is None or (is_unknown and self._keys):
                raise ServiceUnavailable("The database does not answer, so that no key can be looked up.")
            return self._keys

    def _age_s(self) -> float:
        return time.monotonic() - self._looked_at

    def _look(self) -> None:
        started, found = time.monotonic(), None  # what is revoked from now on may not be in the answer
        try:
            found = {key.id: key for key in self._store.all_keys()}
        except ServiceError as error:
            logger.warning("the keys cannot be looked up", extra={"reason": error.code})
        finally:
            with self._looked:
                if found == {} and self._keys:  # no key is ever removed: it is another database, or none
                    found = None
                    if not self._failed:
                        logger.error("THE KEYS ARE GONE from the database: nobody gets in without one of API_KEYS")
                self._failed = found is None
                self._keys = self._keys if found is None else found
                self._looked_at = started
                self._is_looking = False
                used, self._used = self._used, set()
                self._looked.notify_all()
        if used and not self._failed:
            self._note(used)

    def _note(self, used: set[str]) -> None:
        """Keep which keys were used; behind the answers, since it may have to wait for others who write."""
        try:
            self._store.note_use(sorted(used), datetime.now(UTC).date())
        except ServiceError as error:
            logger.warning("that keys were used cannot be kept", extra={"reason": error.code})


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogatepass")).digest()
