"""The text of the code is plain English: phrases that made readers stumble do not come back."""

import io
import re
import tokenize

import pytest

from tests.conftest import PROJECT

# Each with what to write in its place.
BANNED = {
    r"\bby comma\b": "comma-separated",
    r"\bany number\b(?= \()": "unlimited",
    r"\b[Ww]ho(ever)? (does|wants|asks|has|reaches)\b": "a noun before the relative clause, or the imperative",
    r"\bof (which|whom) there\b": "a sentence of its own",
    r"\b(is|are) then no\b": "is deleted",
    r"\bas it is said\b|\bif nobody says\b": "by default",
    r"\bgo(es|ne)? on with\b": "resume, continue",
    r"\bfor good\b": "permanently",
    r"\bis no more\b|\bare no more\b": "is deleted",
    r"\bin vain\b": "bounded",
    r"\btaken? for right\b": "trusted",
}
TEXT = (tokenize.STRING, tokenize.COMMENT)


def files():
    tops = (PROJECT / top for top in ("api", "core", "schemas", "services"))
    return [PROJECT / "main.py", *(file for top in tops for file in sorted(top.rglob("*.py")))]


def stumbles(text):
    """The lines of a file's comments and strings that hold a banned phrase, with what to write instead."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in TEXT:
            for phrase, better in BANNED.items():
                for match in re.finditer(phrase, " ".join(token.string.split())):
                    yield f"line {token.start[0]}: {match[0]!r}; better: {better}"


def test_no_banned_phrase_is_in_the_code():
    found = {str(file.relative_to(PROJECT)): list(stumbles(file.read_text())) for file in files()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        '"""Foreign pages whose scripts may ask, by comma."""',
        "# Who does not want to choose takes a preset.",
        'message = "The person is forgotten for good."',
        "# what has come before is gone on with",
    ],
)
def test_a_banned_phrase_would_be_noticed(line):
    assert list(stumbles(line))


def test_names_of_the_code_are_left_alone():
    assert list(stumbles("for_good = by_comma(in_vain)")) == []
