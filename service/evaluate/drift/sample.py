"""A seeded sample of rows, by a hash of where they stand: any cut of a file over processes takes the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ranks = NDArray[np.uint64]
else:
    Ranks = Any

SAMPLE = 4_000
_LONGEST, _HEAD = 2_000, 200
_MASK = (1 << 64) - 1
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Sampled(NamedTuple):
    """What is kept of a sampled row, in memory only: the beginning of its text and of its answer, and a hash."""

    text: str
    answer: str
    answer_hash: int


class RowSample:
    """The rows with the lowest hashes of their places, at most `most`."""

    def __init__(self, seed: int, file: int, most: int = SAMPLE) -> None:
        self._salt = _mixed((seed << 16) ^ file)
        self._most = most
        self._below = 1 << 64
        self.rows: dict[int, Sampled] = {}

    def taken(self, offsets: Sequence[int]) -> list[tuple[int, int]]:
        """(place in `offsets`, rank) of the rows to add: their text is only put together for these."""
        import numpy as np

        ranks = _mixed_all(np.array(offsets, dtype=np.uint64) ^ np.uint64(self._salt))
        # the bound is one more than the largest rank until something was cut
        places = np.flatnonzero(ranks <= np.uint64(self._below - 1))
        return list(zip(places.tolist(), ranks[places].tolist(), strict=True))

    def add(self, rank: int, text: str, answer: str, answer_hash: int) -> None:
        """Keep a row."""
        self.rows[rank] = Sampled(text[:_LONGEST], answer[:_HEAD], answer_hash)
        if len(self.rows) >= 2 * self._most:
            self.cut()

    def merge(self, other: RowSample) -> None:
        """Add another stretch's, or another file's."""
        self.rows.update(other.rows)
        if len(self.rows) > self._most:
            self.cut()

    def cut(self) -> None:
        """Let go of what is beyond the size."""
        kept = nsmallest(self._most, self.rows)
        self.rows = {rank: self.rows[rank] for rank in kept}
        if len(kept) == self._most:
            self._below = kept[-1] + 1


def _mixed(value: int) -> int:
    """splitmix64 (S. Vigna, 2015)."""
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def _mixed_all(values: Ranks) -> Ranks:
    """The same of many: their arithmetic is modulo 2^64 by itself."""
    import numpy as np

    values = values + np.uint64(_GOLDEN)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(_FIRST)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(_SECOND)
    return values ^ (values >> np.uint64(31))
