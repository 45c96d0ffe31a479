"""Collects what a request should be told about its images although they were read."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)

_collected: ContextVar[list[tuple[str, str]] | None] = ContextVar("image warnings", default=None)


@contextmanager
def collect_warnings() -> Iterator[list[tuple[str, str]]]:
    """Yield the list to which `warn` adds the field and text of each warning in the block, on any of its threads."""
    found: list[tuple[str, str]] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def warn(field: str, text: str) -> None:
    """Add a warning about the image in `field` to the answer of the current request; log it where there is none."""
    found = _collected.get()
    if found is None:
        logger.warning(text)
    elif (field, text) not in found:
        found.append((field, text))
