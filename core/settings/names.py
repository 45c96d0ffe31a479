"""The names under which settings are given: other names of the same setting, and names that are probably misspelt."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

# Shorter names are too close to those of other programs: POST is no misspelt HOST.
_MIN_LENGTH = 7

# Mistakes that are still the same name, by the length of the right name: (at least so long, so many).
_MISTAKES = ((14, 3), (10, 2), (0, 1))


def names_of(field: str, info: FieldInfo) -> tuple[str, ...]:
    """Return the environment variables of a setting, ours first."""
    alias = info.validation_alias
    return tuple(map(str, alias.choices)) if isinstance(alias, AliasChoices) else (field.upper(),)


def without_hiding(
    given: Mapping[str, str | None], elsewhere: Mapping[str, str | None], fields: Mapping[str, FieldInfo]
) -> dict[str, Any]:
    """Return the variables without those that are empty while another name of the same setting is not, here or there.

    All names are in lower case.
    """
    kept = dict(given)
    for field, info in fields.items():
        names = [name.lower() for name in names_of(field, info)]
        for name in names:
            others = [other for other in names if other != name]
            if kept.get(name) == "" and any(given.get(other) or elsewhere.get(other) for other in others):
                del kept[name]
    return kept


def misspelt(given: Iterable[str], fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, str]]:
    """Yield each given name that is no setting but nearly one, and that setting. All names are in capitals."""
    known = {name: field.upper() for field, info in fields.items() for name in names_of(field, info)}
    for name in sorted(set(given) - known.keys()):
        near = [
            (count, right)
            for right in known
            if len(right) >= _MIN_LENGTH and (count := _mistakes(name, right)) <= _most_mistakes(right)
        ]
        if near:
            yield name, known[min(near)[1]]


def _most_mistakes(right: str) -> int:
    return next(most for length, most in _MISTAKES if len(right) >= length)


def _mistakes(name: str, right: str) -> int:
    """Return how many letters are missing, added, wrong or swapped with the next (optimal string alignment)."""
    if abs(len(name) - len(right)) > _MISTAKES[0][1]:
        return len(right)
    before, last = [0] * (len(right) + 1), list(range(len(right) + 1))
    for i, letter in enumerate(name, 1):
        row = [i]
        for j, expected in enumerate(right, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != expected)))
            if i > 1 and j > 1 and letter == right[j - 2] and name[i - 2] == expected:
                row[j] = min(row[j], before[j - 2] + 1)
        before, last = last, row
    return last[-1]
