"""The use cases of managing API keys over HTTP, and of telling a caller its limits."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from core.exceptions import Forbidden, NotFound
from core.scopes import Scope
from core.settings import Settings
from schemas.access import KeyInfo, KeyRequest, KeyRow, KeysResponse, LimitsResponse, NewKey, ScopeName
from services.access.key_store import StoredKey
from services.access.keys import Caller, KeyService
from services.audit.recorder import EventLog

_NO_KEYS = "The service has no API keys. Create the first one on the server: face-service keys create"


class KeyAdministration:
    """Lists, creates and revokes the API keys of the database. Every change has an event in the audit trail."""

    def __init__(self, *, keys: KeyService, log: EventLog) -> None:
        self._keys = keys
        self._log = log

    def keys(self) -> KeysResponse:
        """All API keys of the database, oldest first; raises ServiceUnavailable."""
        return KeysResponse(keys=[KeyRow(**_described(key)) for key in self._keys.all_keys()])

    def create(self, request: KeyRequest, *, by: Caller) -> NewKey:
        """A new API key with its secret, which no other answer holds.

        Raises:
            Forbidden: the caller lacks one of the scopes; or there is no API key yet. On an open service, anyone could
                make a key that stays valid when the service is closed.
            ServiceUnavailable, StorageFull: the key was not stored.
        """
        if not by.key_id:
            raise Forbidden(_NO_KEYS)
        scopes = frozenset(map(Scope, request.scopes))
        if missing := scopes - by.scopes:
            raise Forbidden(f"The API key lacks the scope {min(missing)}. A key gives others only its own scopes.")
        key, token = self._keys.create(
            request.name, scopes, collection=request.collection, expires_at=request.expires_at
        )
        return NewKey(**_described(key), key=token)

    def revoke(self, key_id: str) -> KeyInfo:
        """Revoke an API key, in every process within 5 seconds. It stays in the list.

        Raises:
            NotFound: the database has no key with this id.
            ServiceUnavailable, StorageFull: the key is still valid.
        """
        with self._log.refusals("revoke_key"):
            if not self._keys.revoke(key_id):
                raise NotFound("There is no such API key. Remove a key of API_KEYS from the setting.")
        (revoked,) = (key for key in self._keys.all_keys() if key.id == key_id)
        return KeyInfo(**_described(revoked))


class LimitService:
    """Tells a caller what its API key may do, and what the service takes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def limits(self, *, of: Caller) -> LimitsResponse:
        """The scopes of the caller, and the limits of its requests."""
        settings = self._settings
        return LimitsResponse(
            key_id=of.key_id,
            scopes=_names(of.scopes),
            collection=of.collection,
            rate_limit=settings.rate_limit,
            rate_limit_address=settings.rate_limit_address,
            request_timeout_s=settings.request_timeout_s,
            max_body_bytes=settings.max_body_bytes,
            max_image_bytes=settings.max_image_bytes,
            max_image_pixels=settings.max_image_pixels,
            max_faces=settings.max_faces,
            min_quality=settings.min_quality,
            queue_max=settings.queue_max,
            lanes=settings.lanes,
            images_by_url=settings.allow_urls,
            images_by_path=settings.allow_paths and bool(settings.faces_db_path or settings.images_path),
            photo_folder=bool(settings.faces_db_path),
        )


def _names(scopes: Iterable[Scope]) -> list[ScopeName]:
    return [scope.value for scope in sorted(scopes)]


def _described(key: StoredKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": _names(key.scopes),
        "collection": key.collection,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_on": key.last_used_on,
        "valid": key.is_valid(datetime.now(UTC)),
    }
