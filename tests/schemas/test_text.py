"""Which characters a name may have, and which names are the same."""

import sys

import pytest

from schemas.text import folded, identity, is_safe, visible

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
SINHALA = "\u0dc1\u0dca\u200d\u0dbb\u0dd3"

SAME = [
    ("Jos\u00e9", "Jose\u0301"),
    ("Jos\u00e9", "JOS\u00c9"),
    ("Jos\u00e9", "Jo\u200bs\u00e9\ufeff"),
    ("Ann Lee", "Ann  Lee"),
    ("Ann Lee", "Ann\u00a0Lee"),
    ("Ann Lee", "Ann\u3000\u2009Lee"),
    ("Ann Lee", "Ann\u2800Lee"),
    ("Ann", "\uff21\uff4e\uff4e"),
    ("Stra\u00dfe", "STRASSE"),
    ("\u03c3\u03b9\u03c2", "\u03a3\u0399\u03a3"),
    ("\ufb01sh", "fish"),
    ("ab", "a\u00ad\u034f\u2060\U000e0041b"),
    ("ab", "a\u3164\uffa0\u115fb"),
    (PERSIAN, PERSIAN.replace("\u200c", "")),
    (SINHALA, SINHALA.replace("\u200d", "")),
    ("\u1e9e\u0345\u03b1", "ss\u03b9\u03b1"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_that_look_alike_are_one(one, other):
    assert identity(one) == identity(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Jose", "Jos\u00e9"), ("Ann Lee", "AnnLee"), ("\u0430", "a"), ("1", "l")])
def test_names_of_other_letters_are_others(one, other):
    assert identity(one) != identity(other)


@pytest.mark.parametrize("name", ["", " ", "\u3164", "\u200b\u2800", "\u00ad\ufe0f", "\ufffe"])
def test_a_name_that_shows_nothing_has_no_identity(name):
    assert identity(name) == ""


def test_every_character_is_folded_in_one_go():
    unstable = [
        code
        for code in range(sys.maxunicode + 1)
        if not 0xD800 <= code < 0xE000 and folded(folded(chr(code))) != folded(chr(code))
    ]
    assert unstable == []


@pytest.mark.parametrize("name", [PERSIAN, SINHALA])
def test_joiners_stay_between_letters(name):
    assert visible(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\u200cab\u200d", "ab"),
        ("a \u200db", "a b"),
        ("a\u200d\u200d\u200cb", "a\u200db"),
        ("1\u200d2", "12"),
        ("J\u200bo\u2060s\u00e9\ufeff", "Jos\u00e9"),
        ("a\u3164b", "ab"),
        ("a\U000e0041b\ufe0f", "ab"),
    ],
)
def test_what_nobody_sees_is_left_out(name, shown):
    assert visible(name) == shown


def test_controls_of_terminals_lines_and_directions_are_not_safe():
    unsafe = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
    assert [code for code in range(0xD800) if not is_safe(chr(code))] == unsafe
    assert not is_safe("\ud800")
    assert is_safe(PERSIAN)
