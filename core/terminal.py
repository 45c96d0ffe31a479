"""Keeps text that others have chosen from controlling a terminal or forging a line."""

import re

# C0 and C1 controls, Unicode's line ends, controls of the writing direction, and halves of a character.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    """The text on one line, with each character that could control a terminal or reorder other text as an escape."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)
