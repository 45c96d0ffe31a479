"""The page of options: the fields of several endpoints."""

from collections.abc import Iterator

from docs.generate.fields import shared
from docs.generate.markdown import table


def options() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "The fields that several [endpoints](endpoints.md) take. [Send images and options](../how-to/requests.md)"
    yield "says how to write them."
    yield ""
    yield from table(
        ("option", "type", "description", "endpoints"),
        ((*field, ", ".join(f"`{name.removeprefix('POST ')}`" for name in names)) for field, names in shared().items()),
    )
