"""What is counted of personal data in a stretch of lines: 16 bytes for a value in a row, nothing for all other rows."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import add
from typing import NamedTuple

from service.lint.personal import Personal, RowFound
from service.privacy.entities import RESERVED_RULE
from service.privacy.value_key import MARK_BYTES, shown_mark

# the rule takes the place of a mark's last byte: 56 bits tell values apart
_RULE = 0xFF
_SECRET_RULES = 128
_BUCKETS = 64


class Repeat(NamedTuple):
    """A value that stands in several rows: its rule, its shown mark, how many rows, and the first one's line from 0."""

    rule: str
    value: str
    rows: int
    line: int


class PersonalCounts:
    """Rows that were scanned, findings by entity, and which value stands in which row.

    Partials of consecutive stretches merge into that of the whole.
    """

    def __init__(self) -> None:
        self.looked_at = self.holding = self.unread = self.unread_files = 0
        self.entities: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self._values = array("Q")
        self._lines = array("Q")

    def row(self, row: RowFound, kept: Sequence[Personal], line: int) -> None:
        """A row that was scanned, and what of it the row does not take back; lines count from 0."""
        self.looked_at += 1
        self.allowed.update(row.allowed)
        if row.language:
            self.languages[row.language] += 1
        personal = [one for one in kept if one.rule != RESERVED_RULE]
        if personal:
            self.holding += 1
            self.entities.update(one.entity for one in personal)
            for value in sorted({_packed(one) for one in personal if one.memorised}):
                self._values.append(value)
                self._lines.append(line)

    def clean(self, rows: int) -> None:
        """Rows that cannot hold anything."""
        self.looked_at += rows

    def merge(self, later: PersonalCounts, lines: int) -> None:
        """Append the stretch that begins `lines` lines later."""
        for name in ("looked_at", "holding", "unread", "unread_files"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for name in ("entities", "allowed", "languages"):
            getattr(self, name).update(getattr(later, name))
        self._values.extend(later._values)
        self._lines.extend(map(add, later._lines, repeat(lines)))

    def repeated(self, least: int) -> list[Repeat]:
        """The values that stand in `least` rows and more, by their first lines."""
        often: dict[int, int] = {}
        for values in self._in_buckets():
            often |= {value: rows for value, rows in Counter(values).items() if rows >= least}
        firsts: dict[int, int] = {}
        for value, line in zip(self._values, self._lines, strict=True) if often else ():
            if value in often:
                firsts.setdefault(value, line)
        found = [Repeat(_rule(value), shown_mark(value), often[value], line) for value, line in firsts.items()]
        return sorted(found, key=lambda one: (one.line, one.rule, one.value))

    def _in_buckets(self) -> Iterator[Sequence[int]]:
        """All values in parts, equal ones in the same, so that few are counted at a time."""
        buckets = [array("Q") for _ in range(_BUCKETS)]
        shift = 8 * MARK_BYTES - _BUCKETS.bit_length() + 1
        for value in self._values:
            buckets[value >> shift].append(value)
        return iter(buckets)


def _packed(one: Personal) -> int:
    number = int(one.rule[1:]) + (_SECRET_RULES if one.rule.startswith("S") else 0)
    return one.mark & ~_RULE | number


def _rule(value: int) -> str:
    number = value & _RULE
    return f"S{number - _SECRET_RULES:03}" if number >= _SECRET_RULES else f"P{number:03}"
