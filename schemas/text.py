"""The characters of names and labels: which are refused, which are shown, and which names count as the same."""

import re
import unicodedata

MAX_FOLDED = 400  # characters of a name as `folded` writes it: twice the longest name, and few enough for a cursor

# Controls of terminals (C0, C1, DEL), line and paragraph separators, controls of the writing direction (Bidi_Control),
# and halves of a character, which no UTF-8 can carry.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_JOINERS = "\u200c\u200d"  # Persian, Sinhala and others need them between letters

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt). Then what it leaves out and no font shows:
# annotations and U+FFFC, fillers of Khitan and of music, and noncharacters.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ufff9-\ufffc\U00016fe4\U0001d159\ufdd0-\ufdef"
    + "".join(f"{chr(plane | 0xFFFE)}{chr(plane | 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
)
_IGNORED = re.compile(f"[{_INVISIBLE}]")
_NOT_SHOWN = re.compile(f"(?![{_JOINERS}])[{_INVISIBLE}]")
_REPEATED_JOINER = re.compile(f"([{_JOINERS}])[{_JOINERS}]+")
_BLANK = "\\s\u2800"  # U+2800 is the empty cell of Braille
_BLANKS = re.compile(f"[{_BLANK}]+")
_BLANKS_AT_AN_END = re.compile(f"^[{_BLANK}]+|[{_BLANK}]+$")


def is_safe(text: str) -> bool:
    """Whether the text has no control character, line end, control of the writing direction or lone surrogate."""
    return _UNSAFE.search(text) is None


def visible(text: str) -> str:
    """The text without invisible characters. A joiner stays between two letters, where it changes their shape."""
    kept = _REPEATED_JOINER.sub(r"\1", _NOT_SHOWN.sub("", text))
    if not any(joiner in kept for joiner in _JOINERS):
        return kept
    neighbours = zip(f" {kept}", kept, f"{kept[1:]} ", strict=False)
    return "".join(one for before, one, after in neighbours if one not in _JOINERS or _is_joined(before, after))


def _is_joined(*letters: str) -> bool:
    return all(unicodedata.category(letter)[0] in "LM" for letter in letters)


def stripped(text: str) -> str:
    """The text without blanks at its ends."""
    return _BLANKS_AT_AN_END.sub("", text)


def folded(text: str) -> str:
    """The text for searching and sorting: equal for all spellings of the same letters, in any case.

    This is Unicode's NFKC_Casefold (UAX #31, UAX #44) with each run of blanks as one blank. Folding the case may undo
    the normalization, so both are repeated until nothing changes. No database does this for every letter, and no two
    do it alike.
    """
    before = None
    while text != before:
        before = text
        text = unicodedata.normalize("NFKC", _IGNORED.sub("", unicodedata.normalize("NFKC", text).casefold()))
        text = _BLANKS.sub(" ", text)
    return text


def identity(name: str) -> str:
    """What names that look alike have in common; empty if a name shows nothing."""
    return stripped(folded(name))
