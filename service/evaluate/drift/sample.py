"""A seeded sample of rows, by a hash of where they stand: any cut of a file over processes takes the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import NamedTuple

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
        salt, below = self._salt, self._below
        found = [(place, _mixed(salt ^ offset)) for place, offset in enumerate(offsets)]
        return [one for one in found if one[1] < below]

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
