"""What a key may be allowed to do."""

from enum import StrEnum


class Scope(StrEnum):
    """A group of routes; a key has any number of them."""

    FACES = "faces"
    FIND = "find"
    GALLERY_READ = "gallery:read"
    GALLERY_WRITE = "gallery:write"
    ADMIN = "admin"
    METRICS = "metrics"
