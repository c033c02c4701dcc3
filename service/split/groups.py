"""Joins rows that share something into groups; of a row it keeps hashes and numbers, never the row."""

from __future__ import annotations

from array import array
from collections import Counter

import msgspec

from service.split.keys import Keys

# more different short answers than this are no classes
_MOST_LABELS = 50
# with fewer rows per class there is nothing to keep even
_ROWS_PER_LABEL = 5


class Group(msgspec.Struct, frozen=True):
    """Rows that stay together; `identity` depends on what they hold alone, `label` is their most frequent answer."""

    identity: int
    root: int
    rows: int
    label: int | None = None


class Rows:
    """All rows of all inputs, by number."""

    def __init__(self) -> None:
        self._parents = array("Q")
        self._digests = array("Q")
        self._first: dict[tuple[str, int], int] = {}
        self._openings: dict[int, list[int]] = {}
        self._labels = array("B")
        self._label_numbers: dict[int, int] | None = {}
        self.duplicates = 0
        self.unknown = 0
        self.without: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, keys: Keys) -> None:
        """The next row."""
        row = len(self._parents)
        self._parents.append(row)
        self._digests.append(keys.row)
        if self._join("row", keys.row, row):
            self.duplicates += 1
        if keys.prompt is not None:
            self._join("prompt", keys.prompt, row)
        if keys.whole is not None:
            self._join("whole", keys.whole, row)
        for opening in keys.openings:
            self._openings.setdefault(opening, []).append(row)
        for number, named in enumerate(keys.named):
            if named is None:
                self.without[number] += 1
            else:
                self._join(f"named {number}", named, row)
        self.unknown += not keys.known
        self._label(keys.label)

    def finish(self) -> list[Group]:
        """The groups, in no order; a conversation joins those that go on from its end."""
        for opening, rows in self._openings.items():
            ended = self._first.get(("whole", opening))
            if ended is not None:
                for row in rows:
                    self._union(ended, row)
        self._openings.clear()
        self._first.clear()
        sizes: Counter[int] = Counter()
        identities: dict[int, int] = {}
        for row, digest in enumerate(self._digests):
            root = self.root(row)
            sizes[root] += 1
            identities[root] = min(identities.get(root, digest), digest)
        labels = self._group_labels() if self.labels else {}
        return [Group(identities[root], root, rows, labels.get(root)) for root, rows in sizes.items()]

    def root(self, row: int) -> int:
        """The row that stands for a row's group."""
        parents = self._parents
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    @property
    def labels(self) -> list[int]:
        """The classes, when the answers are few and short; empty otherwise."""
        found = self._label_numbers
        if found is None or len(found) < 2 or len(self) < _ROWS_PER_LABEL * len(found):
            return []
        return list(found)

    def label(self, row: int) -> int:
        """The number of a row's class in `labels`."""
        return self._labels[row]

    def _join(self, kind: str, key: int, row: int) -> bool:
        first = self._first.setdefault((kind, key), row)
        if first != row:
            self._union(first, row)
        return first != row

    def _union(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parents[high] = low

    def _label(self, label: int | None) -> None:
        if self._label_numbers is None:
            return
        if label is None or (label not in self._label_numbers and len(self._label_numbers) == _MOST_LABELS):
            self._label_numbers = None
            self._labels = array("B")
            return
        self._labels.append(self._label_numbers.setdefault(label, len(self._label_numbers)))

    def _group_labels(self) -> dict[int, int]:
        names = self.labels
        counted: dict[int, Counter[int]] = {}
        for row, number in enumerate(self._labels):
            counted.setdefault(self.root(row), Counter())[names[number]] += 1
        return {root: min(counts, key=lambda one: (-counts[one], one)) for root, counts in counted.items()}
