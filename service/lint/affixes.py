"""What all answers of a corpus begin and end with, kept while they pass."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile


class Affixes:
    """The longest common beginning and end of every text given so far; adding is one comparison in most cases."""

    def __init__(self) -> None:
        self.count = 0
        self._start = ""
        self._end = ""

    def add(self, text: str) -> None:
        """One more text."""
        self._narrow(text, text)
        self.count += 1

    def merge(self, other: Affixes) -> None:
        """What another part of the corpus begins and ends with."""
        if other.count:
            self._narrow(other._start, other._end)
            self.count += other.count

    @property
    def lengths(self) -> tuple[int, int]:
        """Characters that all texts begin with, and that all end with; of one text or none, zero."""
        return (len(self._start), len(self._end)) if self.count > 1 else (0, 0)

    def _narrow(self, start: str, end: str) -> None:
        if not self.count:
            self._start, self._end = start, end
            return
        if not start.startswith(self._start):
            self._start = self._start[: _shared(self._start, start)]
        if not end.endswith(self._end):
            self._end = self._end[len(self._end) - _shared(reversed(self._end), reversed(end)) :]


def _shared(one: Iterable[str], other: Iterable[str]) -> int:
    """How many characters are equal from the start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
