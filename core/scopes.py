"""The scopes of API keys, and those that the current request has."""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

from core.exceptions import Forbidden


class Scope(StrEnum):
    """What an API key may do; an API key may have several scopes."""

    FACES = "faces"
    FIND = "find"
    GALLERY_READ = "gallery:read"
    GALLERY_WRITE = "gallery:write"
    EMBEDDINGS = "embeddings"  # compare vectors of the caller's choice with stored faces: enough distances give a face
    ADMIN = "admin"
    METRICS = "metrics"


# Like the deadline, the scopes belong to the request and not to one of its steps: whichever endpoint a request came
# through, the service that holds the data checks them. Commands have all scopes.
_granted: ContextVar[Set[Scope]] = ContextVar("granted", default=frozenset(Scope))


@contextmanager
def granted(scopes: Set[Scope]) -> Iterator[None]:
    """Give the code of the block these scopes and no others."""
    token = _granted.set(scopes)
    try:
        yield
    finally:
        _granted.reset(token)


def is_granted(scope: Scope) -> bool:
    """Return whether the current request has the scope."""
    return scope in _granted.get()


def require(scope: Scope) -> None:
    """Raise Forbidden unless the current request has the scope."""
    if not is_granted(scope):
        raise Forbidden(f"The API key lacks the scope {scope}. Use a key with this scope.")
