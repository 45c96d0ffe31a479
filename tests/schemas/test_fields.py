"""What a person may be given, so that every response, export and database can carry it."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.fields import Labels, LabelValue, Metadata, Moment, Name


def nested(depth, *, in_lists=False):
    """An object with so many levels."""
    value = 1
    for _ in range(depth - 1):
        value = [value] if in_lists else {"a": value}
    return {"a": value}


def taken(kind, value):
    return TypeAdapter(kind).validate_python(value, strict=True)


@pytest.mark.parametrize("in_lists", [False, True])
@pytest.mark.parametrize("as_text", [False, True])
def test_metadata_has_32_levels(in_lists, as_text):
    def given(depth):
        value = nested(depth, in_lists=in_lists)
        return json.dumps(value) if as_text else value

    assert taken(Metadata, given(32)) == nested(32, in_lists=in_lists)
    for depth in (33, 254, 900):
        with pytest.raises(ValidationError, match="at most 32 levels"):
            taken(Metadata, given(depth))


@pytest.mark.parametrize(
    "value",
    [
        {"a": float("nan")}, {"a": [float("inf")]}, '{"a": NaN}', '{"a": 1e400}', '{"a": -Infinity}', {"a": "\ud800"},
        {"\udfff": 1}, {"a": "\0"}, {"a\0": 1}, {"a": "x" * 10_000}, {"a": [1e308] * 33}, {"a": 10**5000},
        '{"a":' * 100_000, "[" * 100_000, [1], "1",
    ],
)  # fmt: skip
def test_metadata_that_a_database_or_response_cannot_carry_is_refused(value):
    with pytest.raises(ValidationError):
        taken(Metadata, value)


@pytest.mark.parametrize(
    "value", [{}, {"a": 10**400}, {"a": [1e308] * 32}, {"a": -0.0}, {"née": [None, True, "\u2028"]}]
)
def test_other_metadata_stays_as_it_is(value):
    assert taken(Metadata, value) == value


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("9999-12-31T23:59:59.999999Z", datetime.max),
        ("0001-01-01T00:00:00Z", datetime.min),
        ("2030-01-31T01:00:00+01:00", datetime(2030, 1, 31)),
    ],
)
def test_moments_come_in_utc(said, moment):
    assert taken(Moment, said) == moment.replace(tzinfo=UTC)
    assert taken(Moment, said).tzinfo is UTC


@pytest.mark.parametrize(
    "said",
    ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+14:00", "10000-01-01T00Z"],
)
def test_moments_beyond_utc_are_refused(said):
    with pytest.raises(ValidationError, match="Input should be"):
        taken(Moment, said)


REFUSED = ["a\u202eb", "a\x85b", "a\u2028b", "a\x1b[31mb", "a\nb", "a\x7fb", "a\u200fb", "a\u2066b", "\ud800"]


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("kind", [Name, LabelValue])
def test_what_controls_a_terminal_or_reorders_text_is_refused(kind, text):
    with pytest.raises(ValidationError, match="Input should be"):
        taken(kind, text)


@pytest.mark.parametrize("text", ["", "  ", "\u3164", "\u200b \u2060", "\ufdfa" * 23, "x" * 201])
def test_no_name_is_invisible_or_longer_than_a_cursor(text):
    with pytest.raises(ValidationError):
        taken(Name, text)


def test_names_and_labels_lose_what_nobody_sees():
    assert taken(Name, " \u200b Jos\u00e9\u2060 \u2800") == "Jos\u00e9"
    assert taken(Name, "\ufdfa" * 22) == "\ufdfa" * 22
    assert taken(Labels, {"a": " x\u200b "}) == {"a": " x "}
    with pytest.raises(ValidationError):
        taken(Labels, {str(number): "" for number in range(51)})
