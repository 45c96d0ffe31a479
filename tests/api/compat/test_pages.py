"""The pages of the doors. `tests/test_documents.py` runs their commands."""

from core.settings.types import DOORS
from tests.conftest import PROJECT


def test_every_door_has_a_page():
    assert {page.stem for page in (PROJECT / "docs" / "how-to").glob("from-*.md")} == {f"from-{name}" for name in DOORS}
