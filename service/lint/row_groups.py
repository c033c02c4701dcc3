"""To which conversation or person a row belongs, by keys that say so; a group in both files is seen before it is held
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

import msgspec

from service.data import RuleFiles
from service.lint.keys import text_hash
from service.lint.rule_file import rule_file
from service.records.lint_report import Role

FILE = "lint-groups.toml"
# values of one key that are kept; of more, those with the lowest hashes
MOST_VALUES = 50_000
# a key that has one value in all rows tells no groups apart
FEWEST_GROUPS = 2
_EVERY = 1 << 64


class GroupKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of the keys, and of the objects of a row in which they are looked for beside its top."""

    keys: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    source: str = ""
    read_on: str = ""


def group_keys(rules: RuleFiles) -> GroupKeys:
    """The keys of the rule file.

    Raises:
        TuneGateError: `invalid_rules` for a broken file.
    """
    return rule_file(FILE, GroupKeys, rules)


def groups_of(data: dict[str, Any], keys: GroupKeys) -> Iterator[tuple[str, int]]:
    """(key, hash of its value) of every group that a row says it belongs to; `7` and `"7"` are one value."""
    for holder in (data, *(data.get(name) for name in keys.within)):
        if isinstance(holder, dict):
            for key in keys.keys:
                value = holder.get(key)
                if (isinstance(value, str) and value.strip()) or type(value) is int:
                    yield key, text_hash(str(value))


class Lowest(NamedTuple):
    """Value -> its first line, of all values that are less than `below`."""

    lines: dict[int, int]
    below: int

    @property
    def complete(self) -> bool:
        """Whether these are all values."""
        return self.below == _EVERY


class LowestFirsts:
    """The first line of each value, of the `most` lowest ones; values are hashes, so these are a fair sample.

    Neither the order of adding nor the cuts between stretches change what is known of the whole.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = MOST_VALUES if most is None else most
        self._lines: dict[int, int] = {}
        self._below = _EVERY

    def add(self, value: int, line: int) -> None:
        """A value that stands on a line."""
        if value >= self._below or self._lines.get(value, line + 1) <= line:
            return
        self._lines[value] = line
        if len(self._lines) > 2 * self._most:
            self._cut()

    def merge(self, later: LowestFirsts, lines: int) -> None:
        """Add the values of the stretch that begins `lines` lines later."""
        self._below = min(self._below, later._below)
        for value, line in later._lines.items():
            self.add(value, line + lines)

    def lowest(self) -> Lowest:
        """What is known."""
        if len(self._lines) > self._most:
            self._cut()
        return Lowest({value: line for value, line in self._lines.items() if value < self._below}, self._below)

    def _cut(self) -> None:
        kept = nsmallest(self._most, self._lines)
        self._lines = {value: self._lines[value] for value in kept}
        self._below = min(self._below, kept[-1] + 1)


class Shared(NamedTuple):
    """A key with values in both roles: (first held-out line, first training line) of each, in order.

    `compared` values of training were looked at; `complete` says that these, and those held out, are all.
    """

    key: str
    pairs: list[tuple[int, int]]
    compared: int
    complete: bool


# of one file: its role, its values by key, and its lines
Grouped = tuple[Role, Mapping[str, LowestFirsts], int]


def shared(files: Sequence[Grouped]) -> Iterator[Shared]:
    """The keys that name groups which stand in both roles; lines count from 0 over all files."""
    for key in sorted({key for _, groups, _ in files for key in groups}):
        training, held_out = _values(files, key, "train"), _values(files, key, "validation")
        both = training.lines.keys() & held_out.lines.keys()
        if both and len(training.lines) >= FEWEST_GROUPS:
            pairs = sorted((held_out.lines[value], training.lines[value]) for value in both)
            yield Shared(key, pairs, len(training.lines), training.complete and held_out.complete)


def _values(files: Sequence[Grouped], key: str, role: Role) -> Lowest:
    whole, before = LowestFirsts(), 0
    for of, groups, lines in files:
        if of == role and key in groups:
            whole.merge(groups[key], before)
        before += lines
    return whole.lowest()
