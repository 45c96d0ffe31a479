"""Which photos a folder has, and which of them differ from those it had before."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from core.files import Signature

PIECE_ROWS = 1024  # rows at a time, where all of them would need as much memory again


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of a folder and what changes when they do, ordered by name; packed, for there may be a million.

    `text` is all names in UTF-8, one after the other, `ends` (int64) where each of them ends, and `signatures` int64 of
    shape (n, 3).
    """

    text: bytes
    ends: npt.NDArray[np.int64]
    signatures: npt.NDArray[np.int64]

    @classmethod
    def of(cls, photos: Iterable[tuple[str, Signature]]) -> "Photos":
        """These photos, in any order; a name is the path below the folder."""
        names: list[bytes] = []
        signatures = array("q")  # as many small objects would leave holes in the process's memory
        for name, signature in photos:
            names.append(name.encode())
            signatures.extend(signature)
        order = sorted(range(len(names)), key=names.__getitem__)
        names.sort()
        return cls(
            text=b"".join(names),
            ends=np.cumsum([len(name) for name in names], dtype=np.int64),
            signatures=np.array(signatures, np.int64).reshape(-1, 3)[order],
        )

    def __len__(self) -> int:
        return len(self.ends)

    def name(self, photo: int) -> str:
        """The name at a position."""
        start = self.ends[photo - 1] if photo else 0
        return self.text[start : self.ends[photo]].decode()

    def names(self) -> Iterator[str]:
        """Every name."""
        return (self.text[start:end].decode() for start, end in pairwise([0, *self.ends.tolist()]))

    def items(self) -> Iterator[tuple[str, Signature]]:
        """Names and signatures."""
        signatures = (
            (size, mtime, ctime)
            for start in range(0, len(self), PIECE_ROWS)
            for size, mtime, ctime in self.signatures[start : start + PIECE_ROWS].tolist()
        )
        return zip(self.names(), signatures, strict=True)

    def changes(self, now: "Photos") -> Iterator[tuple[str, Signature | None]]:
        """What was added, changed or removed from here to `now`: the names, and their signatures now."""
        if self.equals(now):
            return
        both = merge(
            ((name, 0, signature) for name, signature in self.items()),
            ((name, 1, signature) for name, signature in now.items()),
        )
        for name, group in groupby(both, key=itemgetter(0)):
            signatures = {which: signature for _, which, signature in group}
            if signatures.get(0) != signatures.get(1):
                yield name, signatures.get(1)

    def equals(self, other: "Photos") -> bool:
        """Whether these are the same photos, unchanged."""
        return self is other or (self.text == other.text and np.array_equal(self.signatures, other.signatures))
