"""A plain gallery and an encrypted one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.backup.place import Place

KEY = bytes(range(32))

# A mark of tests that hold for a SQLite with a write-ahead log, too: the service has it with later versions only.
WITH_WAL = pytest.mark.parametrize("journal", ["DELETE", "WAL"], indirect=True)


@pytest.fixture(autouse=True)
def journal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The journal mode of databases that this process opens: a rollback journal, unless `WITH_WAL` says otherwise."""
    mode = str(getattr(request, "param", "DELETE"))
    monkeypatch.setattr("services.database.sqlite._SAFE_WAL", (3,) if mode == "WAL" else (9,))
    return mode


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
