"""The photos of a folder, and the differences between two lists of photos."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from core.files import Signature

PIECE_ROWS = 1024  # rows per piece; handling all rows at once would double the memory


@dataclass(frozen=True, eq=False)
class Photos:
    """The photos of a folder with their signatures, ordered by name. Packed, because there may be a million.

    `text` holds all names in UTF-8, one after the other. `ends` (int64) holds the end of each name, and `signatures` is
    int64 of shape (n, 3).
    """

    text: bytes
    ends: npt.NDArray[np.int64]
    signatures: npt.NDArray[np.int64]

    @classmethod
    def of(cls, photos: Iterable[tuple[str, Signature]]) -> "Photos":
        """The packed form of these photos, given in any order. A name is the path below the folder."""
        names: list[bytes] = []
        signatures = array("q")  # a million small objects would fragment the process's memory
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
        """The name of the photo at a position."""
        start = self.ends[photo - 1] if photo else 0
        return self.text[start : self.ends[photo]].decode()

    def names(self) -> Iterator[str]:
        """The names of all photos."""
        return (self.text[start:end].decode() for start, end in pairwise([0, *self.ends.tolist()]))

    def items(self) -> Iterator[tuple[str, Signature]]:
        """The names and signatures of all photos."""
        signatures = (
            (size, mtime, ctime)
            for start in range(0, len(self), PIECE_ROWS)
            for size, mtime, ctime in self.signatures[start : start + PIECE_ROWS].tolist()
        )
        return zip(self.names(), signatures, strict=True)

    def changes(self, now: "Photos") -> Iterator[tuple[str, Signature | None]]:
        """The names of photos added, changed or removed between this list and `now`, with their signatures in `now`."""
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
        """Whether both lists have the same photos with the same signatures."""
        return self is other or (self.text == other.text and np.array_equal(self.signatures, other.signatures))
