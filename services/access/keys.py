"""The API keys: identifying the caller of a request, and creating, listing and revoking keys."""

import logging
import math
import re
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from hmac import compare_digest

from core.exceptions import ServiceError, ServiceUnavailable, Unauthorized
from core.scopes import Scope
from core.timeouts import budget_left_s, database_wait
from services.access.key_store import KeyStore, StoredKey

logger = logging.getLogger(__name__)

_PREFIX = "fsk"  # lets scanners for leaked secrets recognize our keys
_SECRET_BYTES = 32
_TOKEN = re.compile(rf"{_PREFIX}_[0-9a-f]{{12}}_[\w-]{{43}}", re.ASCII)  # as `create` makes them

# How old the known keys may be: a background thread then reads them again (_REFRESH_S), requests wait for that
# (_OLDEST_S), or no key is accepted (_REVOKED_WITHIN_S). After a failure requests wait later (_OLDEST_FAILURE_S), so
# that not every request waits for an unavailable database.
_REFRESH_S = 2.0
_OLDEST_S = 4.0
_REVOKED_WITHIN_S = 5.0
_OLDEST_FAILURE_S = 10.0
_LOOKS = 2  # lookups a request waits for at most; the result of a slow lookup is already old


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller's key and scopes; with a `collection`, it may access only this collection of the gallery."""

    key_id: str
    scopes: frozenset[Scope]
    collection: str | None = None


ANYBODY = Caller(key_id="", scopes=frozenset(Scope))

# Compared with keys of unknown ids, so that they take as long. It is revoked, so no secret makes it valid.
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
    """Checks API keys: `env-1`, `env-2`, … of the setting, and those of the database. Safe for all threads.

    It keeps all keys in memory instead of querying one, so an invalid key takes as long for every id. Before it refuses
    a key of its own form it reads them again: another process may just have created it. Refusals at the same time share
    one query.
    """

    def __init__(self, *, store: KeyStore, secrets_of_setting: Iterable[str], required: bool) -> None:
        self._store = store
        self._of_setting = [_digest(secret) for secret in secrets_of_setting]
        self._required = required
        self._looked = threading.Condition()
        self._keys: Mapping[str, StoredKey] | None = None  # the latest known keys
        self._looked_at = -math.inf
        self._is_looking = False
        self._failed = False
        self._used: set[str] = set()

    def caller(self, token: str | None) -> Caller:
        """The caller with this key; `ANYBODY` if no key exists in setting and database and none is required.

        A wrong key takes as long as a valid one, whatever is wrong with it.

        Raises:
            Unauthorized: the key is unknown, revoked or expired.
            ServiceUnavailable: the database does not tell which keys exist.
        """
        token = token or ""
        digest = _digest(token)
        found = [compare_digest(digest, known) for known in self._of_setting]
        if any(found):
            return Caller(key_id=f"env-{found.index(True) + 1}", scopes=frozenset(Scope))
        keys = self._current()
        if not keys and not self._of_setting and not self._required:
            return ANYBODY
        key = _valid_key(token, keys)
        if key is None and _TOKEN.fullmatch(token):
            key = _valid_key(token, self._current(since=time.monotonic()))
        if key is None:
            raise Unauthorized
        if key.last_used_on != datetime.now(UTC).date():
            with self._looked:
                self._used.add(key.id)
        return Caller(key_id=key.id, scopes=key.scopes, collection=key.collection)

    def is_open(self) -> bool:
        """Whether requests without an API key are answered; False as long as the database does not tell."""
        if self._of_setting or self._required:
            return False
        try:
            return not self._current()
        except ServiceUnavailable:
            return False

    def has_none(self) -> bool:
        """Whether no API key exists; raises ServiceUnavailable."""
        return not self._of_setting and not self._store.all_keys()

    def create(
        self, name: str, scopes: Iterable[Scope], *, collection: str | None = None, expires_at: datetime | None = None
    ) -> tuple[StoredKey, str]:
        """A new API key and its token. The token is available only here, because only its SHA-256 is stored.

        Raises:
            ServiceUnavailable, StorageFull: the key was not stored.
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
        """All API keys of the database, including revoked and expired ones, oldest first; raises ServiceUnavailable."""
        return self._store.all_keys()

    def grant(self, key_id: str, scope: Scope) -> bool:
        """Add a scope to an API key, in every process within 5 seconds; False if the id is unknown.

        Raises:
            GrantRefused: as `KeyStore.grant`.
            ServiceUnavailable, StorageFull: the key has the scopes it had.
        """
        is_known = self._store.grant(key_id, scope, datetime.now(UTC))
        self._looked_at = -math.inf
        return is_known

    def revoke(self, key_id: str) -> bool:
        """Revoke an API key in every process within 5 seconds; False if the id is unknown.

        Raises:
            ServiceUnavailable, StorageFull: the key is still valid.
        """
        is_known = self._store.revoke(key_id, datetime.now(UTC))
        self._looked_at = -math.inf
        return is_known

    def _current(self, since: float = -math.inf) -> Mapping[str, StoredKey]:
        """The known keys, read at or after `since` unless the database does not answer."""
        with self._looked:
            for _ in range(_LOOKS):
                is_awaited = self._looked_at < since and not self._failed
                if (is_awaited or self._age_s() >= _REFRESH_S) and not self._is_looking:
                    self._is_looking = True
                    threading.Thread(target=self._look, name="keys", daemon=True).start()
                if not is_awaited and self._age_s() < (_OLDEST_FAILURE_S if self._failed else _OLDEST_S):
                    break
                with database_wait():
                    before = self._looked_at  # changes with a look, even if another thread starts the next one at once
                    self._looked.wait_for(partial(self._is_over, before), budget_left_s())
            # Without keys the service stays open while its database is unavailable. Known keys may have changed
            # meanwhile.
            is_unknown = self._failed or self._age_s() >= _REVOKED_WITHIN_S
            if self._keys is None or (is_unknown and self._keys):
                raise ServiceUnavailable("The database does not answer: API keys cannot be checked. Retry later.")
            return self._keys

    def _is_over(self, before: float) -> bool:
        return not self._is_looking or self._looked_at != before

    def _age_s(self) -> float:
        return time.monotonic() - self._looked_at

    def _look(self) -> None:
        started, found = time.monotonic(), None  # a key that is revoked from now on may be missing in the result
        try:
            found = {key.id: key for key in self._store.all_keys()}
        except ServiceError as error:
            logger.warning("API keys cannot be read from the database", extra={"reason": error.code})
        finally:
            with self._looked:
                if found == {} and self._keys:  # keys are never deleted: this is another database, or an empty one
                    found = None
                    if not self._failed:
                        logger.error("THE API KEYS ARE MISSING in the database: only keys in API_KEYS work")
                self._failed = found is None
                self._keys = self._keys if found is None else found
                self._looked_at = started
                self._is_looking = False
                used, self._used = self._used, set()
                self._looked.notify_all()
        if used and not self._failed:
            self._note(used)

    def _note(self, used: set[str]) -> None:
        """Store which keys were used, in the background, because it may have to wait for other writers."""
        try:
            self._store.note_use(sorted(used), datetime.now(UTC).date())
        except ServiceError as error:
            logger.warning("the use of API keys cannot be recorded", extra={"reason": error.code})


def _valid_key(token: str, keys: Mapping[str, StoredKey]) -> StoredKey | None:
    """The key of this token, if it is known, neither revoked nor expired, and its secret is right."""
    key_id, _, secret = token.removeprefix(f"{_PREFIX}_").partition("_")
    key = keys.get(key_id, _NOBODYS)
    is_right = compare_digest(_digest(secret), key.secret_sha256)
    return key if is_right and key.is_valid(datetime.now(UTC)) else None


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogatepass")).digest()
