"""The scopes of API keys."""

from enum import StrEnum


class Scope(StrEnum):
    """A group of routes; an API key may have several scopes."""

    FACES = "faces"
    FIND = "find"
    GALLERY_READ = "gallery:read"
    GALLERY_WRITE = "gallery:write"
    ADMIN = "admin"
    METRICS = "metrics"
