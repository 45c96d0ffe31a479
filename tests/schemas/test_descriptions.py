"""Every field of the interface says what it is, and every number in which unit or range."""

import re
from typing import get_args

import pytest

from core.settings.types import DoorName

RANGE = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const"}
# What says the unit or the range of a number in its description.
UNIT = re.compile(
    r"\b((milli)?seconds|bytes|pixels|years|percent|in the (range|unit)|[Nn]umber of|from \d)\b|\d to \d",
    re.IGNORECASE,
)


@pytest.fixture
def document(make_app):
    """The OpenAPI document with all doors."""
    return make_app(doors=get_args(DoorName)).test_client().get("/openapi.json").json


def objects(value, place=""):
    """Every schema of an object in the document, with where it is."""
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            yield place, value["properties"]
        for name, inner in value.items():
            yield from objects(inner, f"{place}/{name}") if name != "example" else ()
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from objects(inner, f"{place}/{number}")


def fields(document):
    """Every field and every parameter, with where it is."""
    for place, properties in objects(document):
        yield from ((f"{place}/{name}", schema) for name, schema in properties.items())
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for one in operation.get("parameters", ()):
                yield f"{path} {one['name']}", one["schema"] | {"description": one.get("description")}


def is_number(schema):
    return any(one.get("type") in ("integer", "number") for one in (schema, *schema.get("anyOf", ())))


def has_unit_or_range(schema):
    has_range = any(RANGE & one.keys() for one in (schema, *schema.get("anyOf", ())))
    return has_range or UNIT.search(schema.get("description") or "") is not None


def test_every_field_has_a_description(document):
    assert [place for place, schema in fields(document) if not schema.get("description")] == []


def test_every_number_has_a_unit_or_a_range(document):
    numbers = [(place, schema) for place, schema in fields(document) if is_number(schema)]
    assert [place for place, schema in numbers if not has_unit_or_range(schema)] == []
    assert len(numbers) > 100


@pytest.mark.parametrize(
    ("schema", "is_enough"),
    [
        ({"description": "Size in bytes."}, True),
        ({"description": "Score, 0 to 1."}, True),
        ({"description": "The index, from 0."}, True),
        ({"description": "The limit.", "maximum": 5}, True),
        ({"description": "The score."}, False),
        ({}, False),
    ],
)
def test_a_number_without_a_unit_or_a_range_is_noticed(schema, is_enough):
    assert has_unit_or_range(schema) is is_enough
