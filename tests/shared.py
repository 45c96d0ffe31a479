"""Photos of the folder `../shared`, where somebody put it."""

from pathlib import Path

import pytest

_FIELD = Path(__file__).parents[2] / "shared" / "field"


def field_photo(name: str) -> bytes:
    """The encoded photo of this name; skips the test where it is missing."""
    if not (_FIELD / name).exists():
        pytest.skip(f"no photo ../shared/field/{name}")
    return (_FIELD / name).read_bytes()
