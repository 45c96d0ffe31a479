"""Examples of the OpenAPI document: requests about the photos of `make demo`, and the answers to them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

# The person registered last, their face, the API key created last, a photo, and the person registered before them.
PERSON = "5c80f7ac-0ee5-4a80-87cd-3830624349b4"
FACE = "7bb58cf9-ac7c-44c7-bb2e-02e6ea09898f"
KEY = "7e8d746731f7"
PHOTO = "aG9wcGVyL2Nyb3BwZWQuanBn"
OTHER_PERSON = "232b5d84-15cd-438e-a178-0cde9664ff5e"

FILE = Path(__file__).with_suffix(".json")


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Return the examples by operation: `request`, `path` (its variables) and `answer`, where there is one.

    `python -m docs.examples` records them, with the IDs above in place of the real ones.
    """
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
    return found
