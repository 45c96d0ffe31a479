"""A plain gallery and an encrypted one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.backup.place import Place

KEY = bytes(range(32))


@pytest.fixture(params=[(), (KEY,)], ids=["plain", "encrypted"])
def keys(request: pytest.FixtureRequest) -> tuple[bytes, ...]:
    """The keys of GALLERY_KEY."""
    return tuple(request.param)


@pytest.fixture
def opened() -> Iterator[Callable[..., Place]]:
    """Opens places, which are closed in the end."""
    places = []

    def open_one(folder: Path, keys: tuple[bytes, ...] = ()) -> Place:
        places.append(Place(folder, keys))
        return places[-1]

    yield open_one
    for place in places:
        place.database.close()


@pytest.fixture
def place(tmp_path: Path, keys: tuple[bytes, ...], opened: Callable[..., Place]) -> Place:
    """An empty gallery."""
    return opened(tmp_path / "data", keys)
