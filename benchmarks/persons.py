"""How well distances tell persons apart, with intervals over persons and with each person left out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.distances import distances
from tests.models.labelled import Pairs

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int_]

# A false match rate below this many pairs cannot be seen (the rule of three).
_FEWEST_FALSE = 3

_DRAWS = 1000  # of the bootstrap
_CONFIDENCE = (2.5, 97.5)  # percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The distances of pairs of photos, and the persons on both, as numbers. `persons` is how many there are."""

    apart: Numbers
    first: Whole
    second: Whole
    persons: int

    @property
    def same(self) -> npt.NDArray[np.bool_]:
        """Whether a pair shows one person."""
        return np.asarray(self.first == self.second, np.bool_)

    @property
    def lowest_rate(self) -> float:
        """The lowest false match rate that these pairs of strangers can show."""
        return _FEWEST_FALSE / int((~self.same).sum())

    def without(self, person: int) -> "Compared":
        """The pairs that do not show a person."""
        return self._only((self.first != person) & (self.second != person))

    def with_person(self, person: int) -> "Compared":
        """The pairs that show a person."""
        return self._only((self.first == person) | (self.second == person))

    def _only(self, kept: npt.NDArray[np.bool_]) -> "Compared":
        return replace(self, apart=self.apart[kept], first=self.first[kept], second=self.second[kept])


def persons_of(pairs: Pairs) -> dict[str, str]:
    """The person on each photo, by the name of the first photo of that person."""
    persons: dict[str, str] = {}
    for one, other, same in sorted(pairs):
        for name in (one, other):
            persons.setdefault(name, name)
        if same:
            persons[one] = persons[other] = min(persons[one], persons[other])
    return persons


def compare(embeddings: Numbers, persons: Whole, metric: str) -> Compared:
    """All pairs of photos, whose embeddings and persons are given in one order."""
    first, second = np.triu_indices(len(persons), 1)
    apart = distances(embeddings, embeddings, metric)[first, second]
    return Compared(apart=apart, first=persons[first], second=persons[second], persons=len(np.unique(persons)))


def threshold_at(compared: Compared, rate: float, drawn: Whole | None = None) -> float:
    """The distance of the nearest strangers that are not within `rate` of the false matches.

    `drawn` says how often each person counts; None is once.
    """
    strangers = ~compared.same
    apart, weights = compared.apart[strangers], pair_weights(compared, drawn)[strangers]
    order = np.argsort(apart, kind="stable")
    shares = np.cumsum(weights[order]) / weights.sum()
    return float(apart[order][np.searchsorted(shares, rate, side="right")])


def accepted(compared: Compared, threshold: float, *, same: bool, drawn: Whole | None = None) -> float:
    """The share of the pairs of one person, or of strangers, that are nearer than the threshold."""
    kind = compared.same == same
    weights = pair_weights(compared, drawn)[kind]
    return float(weights[compared.apart[kind] < threshold].sum() / weights.sum())


def true_accepts(compared: Compared, rate: float, drawn: Whole | None = None) -> float:
    """The share of the pairs of one person that are accepted at a false match rate."""
    return accepted(compared, threshold_at(compared, rate, drawn), same=True, drawn=drawn)


def interval(figure: Callable[[Whole], float], persons: int) -> tuple[float, float]:
    """The 95 % interval of a figure over persons, drawn with replacement."""
    rng = np.random.default_rng(0)
    draws: list[float] = []
    while len(draws) < _DRAWS:
        drawn = np.bincount(rng.integers(0, persons, persons), minlength=persons)
        if np.count_nonzero(drawn) > 1:
            draws.append(figure(drawn))
    low, high = np.percentile(draws, _CONFIDENCE)
    return float(low), float(high)


def held_out(compared: Compared, rate: float) -> tuple[float, float]:
    """The shares of pairs of one person and of strangers that are accepted, each by a threshold of other persons."""
    kinds = {True: [0, 0], False: [0, 0]}
    for one, rest in left_out(compared):
        threshold = threshold_at(rest, rate)
        for same, counts in kinds.items():
            near = one.apart[one.same == same] < threshold
            counts[0] += int(near.sum())
            counts[1] += len(near)
    return kinds[True][0] / kinds[True][1], kinds[False][0] / kinds[False][1]


def left_out(compared: Compared) -> Iterator[tuple[Compared, Compared]]:
    """For each person, the pairs that show the person, and those that do not."""
    for person in range(compared.persons):
        yield compared.with_person(person), compared.without(person)


def pair_weights(compared: Compared, drawn: Whole | None) -> Numbers:
    """How often each pair counts. Photos of a person who is drawn twice are no pairs with themselves."""
    if drawn is None:
        return np.ones(len(compared.apart))
    return np.where(compared.same, drawn[compared.first], drawn[compared.first] * drawn[compared.second]).astype(float)
