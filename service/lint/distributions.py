"""Small arithmetic over counted lengths: quantiles, bins, means, and the vendors' number of epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from service.records.lint_report import Bin

# the cookbook's heuristic: three epochs, more for few rows and fewer for many, within 25 and 1
_EPOCHS, _FEWEST_ROWS, _MOST_ROWS, _MOST_EPOCHS = 3, 100, 25_000, 25


def epochs(rows: int) -> int:
    """Epochs by the cookbook's heuristic for a number of rows."""
    if rows <= 0:
        return _EPOCHS
    if _EPOCHS * rows < _FEWEST_ROWS:
        return min(_MOST_EPOCHS, _FEWEST_ROWS // rows)
    if _EPOCHS * rows > _MOST_ROWS:
        return max(1, _MOST_ROWS // rows)
    return _EPOCHS


def quantile(lengths: Counter[int], share: float) -> int:
    """The smallest length that `share` of the rows do not exceed."""
    needed, seen = share * sum(lengths.values()), 0
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= needed:
            return length
    return 0


def bins(lengths: Counter[int]) -> list[Bin]:
    """Bins of powers of two from the shortest to the longest row."""
    found: Counter[int] = Counter()
    for length, rows in lengths.items():
        found[length.bit_length()] += rows
    if not found:
        return []
    places = range(min(found), max(found) + 1)
    return [Bin((1 << place) >> 1, (1 << place) - 1, found[place]) for place in places]


def added(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    whole: Counter[Any] = Counter()
    for counter in counters:
        whole.update(counter)
    return whole


def mean(lengths: Counter[int]) -> float:
    count = sum(lengths.values())
    return sum(length * rows for length, rows in lengths.items()) / count if count else 0.0
