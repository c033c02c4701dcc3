"""Counts per value that stay small: beyond a number of different values only that there are more is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Value = TypeVar("Value", bound=Hashable)


class Groups(Generic[Value]):
    """How often each value came, for at most `most` values.

    Whether there are more does not depend on the order of adding and merging, so any number of shards says the same.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.counts: Counter[Value] = Counter()
        self.more = False

    def add(self, value: Value) -> None:
        """Count a value."""
        if self.more:
            return
        self.counts[value] += 1
        if len(self.counts) > self.most:
            self.spill()

    def merge(self, other: Groups[Value]) -> None:
        """Add the counts of another shard."""
        if self.more or other.more:
            self.spill()
            return
        self.counts.update(other.counts)
        if len(self.counts) > self.most:
            self.spill()

    def sizes(self) -> list[int]:
        """How often each value came, the most frequent first; empty when there are more values than are counted."""
        return sorted(self.counts.values(), reverse=True)

    def different(self) -> int:
        """How many values came; one more than is counted means: more than that."""
        return self.most + 1 if self.more else len(self.counts)

    def spill(self) -> None:
        """From now on only say that there are more."""
        self.more = True
        self.counts.clear()


def merged(groups: Iterable[Groups[Value]], most: int) -> Groups[Value]:
    """All of them as one."""
    whole: Groups[Value] = Groups(most)
    for one in groups:
        whole.merge(one)
    return whole
