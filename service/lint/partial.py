"""What is kept of a stretch of lines: findings, counts, lengths and 12 bytes of hashes a line; of the text only
how answers begin and end, and the beginnings of a small sample of them.

Where near duplicates are asked for, 264 bytes a row are kept beside these, and 16 for a personal value in a row.

Partials of consecutive stretches merge into that of the whole, and the whole is the same whatever the cuts.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from service.lint.affixes import Affixes
from service.lint.check import Check, Hit
from service.lint.columns import Column
from service.lint.diversity import AnswerSample
from service.lint.firsts import Firsts
from service.lint.groups import Groups
from service.lint.keys import text_hash
from service.lint.languages import LanguageSample
from service.lint.near import Sketches
from service.lint.patterns import REFUSAL
from service.lint.personal_counts import PersonalCounts
from service.lint.row_groups import LowestFirsts
from service.lint.sizes import LONG_SYSTEM, outweighs
from service.records.lint_report import FixKind, PersonalPlace, Severity

MOST_TOOL_SETS = 10_000
# its findings are of runs of lines, not of lines
ROW_SPREAD = "F010"
_MOST_SYSTEMS, _MOST_LABELS, _MOST_FIELD_SETS, _MOST_REFERENCES = 10_000, 50, 1_000, 2
_MOST_LABELS_PLACED = _MOST_COLUMNS = 10_000

# a class is an answer as short as this
_LABEL_CHARACTERS = 40
# what REFUSAL's matches begin with
_REFUSAL_STARTS = frozenset("iIsS \t\n\r")


class Kept(NamedTuple):
    """A finding that is listed; the line counts from the start of the stretch."""

    line: int | None
    byte_offset: int | None
    pointer: str | None
    severity: Severity
    message: str
    fix: FixKind
    personal: PersonalPlace | UnsetType = UNSET


class Findings:
    """Counts every finding and keeps the first `most` of each rule (0 = all)."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.counts: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self.suppressed: Counter[str] = Counter()
        self.kept: dict[str, list[Kept]] = {}

    def count(self, check: Check, severity: Severity, hit: Hit) -> None:
        """Only count it."""
        self.counts[check.code] += 1 + hit.further
        self.severities[severity] += 1 + hit.further

    def count_all(self, found: Findings) -> None:
        """Only count what was found elsewhere."""
        self.counts.update(found.counts)
        self.severities.update(found.severities)
        self.suppressed.update(found.suppressed)

    def add(
        self, check: Check, severity: Severity, hit: Hit, *, line: int | None = None, offset: int | None = None
    ) -> None:
        """Count a hit, and all further ones that it stands for."""
        self.count(check, severity, hit)
        kept = self.kept.setdefault(check.code, [])
        if not self.most or len(kept) < self.most:
            at = line if line is not None else hit.line
            kept.append(Kept(at, offset, hit.pointer, severity, hit.message, check.fix, hit.personal or UNSET))

    def suppress(self, check: Check, hit: Hit) -> None:
        """Count a hit that its row takes back; it is no finding."""
        self.suppressed[check.code] += 1 + hit.further

    def forget_first(self, code: str) -> None:
        """Take the first finding of a rule back: what it is about began in an earlier stretch."""
        if not self.kept.get(code):
            return
        first, *self.kept[code] = self.kept[code]
        self.counts[code] -= 1
        self.severities[first.severity] -= 1

    def without_offsets(self) -> None:
        """Forget where lines begin, for rows that were read from no lines."""
        for code, found in self.kept.items():
            self.kept[code] = [one._replace(byte_offset=None) for one in found]

    def merge(self, later: Findings, lines: int) -> None:
        """Append the findings of the stretch that begins `lines` lines later."""
        self.count_all(later)
        for code, found in later.kept.items():
            kept = self.kept.setdefault(code, [])
            room = self.most - len(kept) if self.most else len(found)
            kept += [one._replace(line=one.line + lines if one.line else one.line) for one in found[:room]]


class Partial:
    """Accumulates one stretch of a file."""

    def __init__(self, most: int) -> None:
        self.findings = Findings(most)
        self.lines = self.rows = self.valid = 0
        self.without_system = self.with_images = 0
        self.weighted = False
        self.spoken = self.short_answers = self.refusals = 0
        self.preferred_bytes = self.other_bytes = 0
        self.crlf = self.approximate = self.system_heavy = 0
        # runs of lines that are pieces of rows; whether the first and the last line that is not blank are such
        self.spread = 0
        self.begins_spread = self.ends_spread = self.has_content = False
        self.affixes = Affixes()
        self.shapes: Counter[str] = Counter()
        self.label_kinds: Counter[str] = Counter()
        self.turns: Counter[int] = Counter()
        self.tokens: Counter[int] = Counter()
        self.systems: Groups[int] = Groups(_MOST_SYSTEMS)
        self.labels: Groups[int] = Groups(_MOST_LABELS)
        self.field_sets: Groups[tuple[str, ...]] = Groups(_MOST_FIELD_SETS)
        # (hash of the system message, hash of the tools) of the rows that have both
        self.tool_sets: Groups[tuple[int, int]] = Groups(MOST_TOOL_SETS)
        self.references: Groups[int] = Groups(_MOST_REFERENCES)
        # hashes of the labels and tags of rows that are no chats
        self.labelled: Firsts[int] = Firsts(_MOST_LABELS_PLACED)
        self.columns: Firsts[tuple[Column, str]] = Firsts(_MOST_COLUMNS)
        # the values of keys that name groups, by key, as hashes
        self.groups: dict[str, LowestFirsts] = {}
        # shapes of rows, and JSON types of labels
        self.shaped: Firsts[str] = Firsts(_MOST_COLUMNS)
        self.label_types: Firsts[str] = Firsts(_MOST_COLUMNS)
        # one element a line; 0 stands for a blank line
        self.prompts = array("Q")
        self.answers = array("I")
        self.others = array("I")
        self.sample = AnswerSample()
        # of closer looks, empty where none is asked for
        self.near = Sketches()
        self.languages = LanguageSample()
        self.personal = PersonalCounts()

    def keys(self, found: Sequence[tuple[int, int, int]]) -> None:
        """Keep what makes the rows of the next lines the same as others: a `Key` per line, zeros for a blank one."""
        if self.others or any(map(itemgetter(2), found)):
            self.others.extend([0] * (len(self.answers) - len(self.others)))
            self.others.extend(map(itemgetter(2), found))
        self.prompts.extend(map(itemgetter(0), found))
        self.answers.extend(map(itemgetter(1), found))

    def chats(self, contents: list[list[str]], answers: list[int], *, valid: int) -> None:
        """Rows of nothing but a conversation: their texts, and the keys of the last ones."""
        if not contents:
            return
        self.rows += len(contents)
        self.valid += valid
        self.shapes["chat"] += len(contents)
        self.field_sets.counts[()] += len(contents)
        lengths = Counter(map(len, contents))
        for length, rows in lengths.items():
            self.turns[length - length % 2] += rows
        self.without_system += sum(rows for length, rows in lengths.items() if length % 2 == 0)
        with_system = [texts for texts in contents if len(texts) % 2]
        for system, rows_ in groupby(with_system, itemgetter(0)):
            run = list(rows_)
            self.systems.add(text_hash(system), len(run))
            if len(system) >= LONG_SYSTEM:
                self.system_heavy += sum(outweighs(system, texts) for texts in run)
        self._said([texts[-1] for texts in contents], answers)

    def spoke(self, system: int | None, messages: int) -> None:
        """A conversation of any kind: the hash of its system message, and how many messages it has."""
        if system is None:
            self.without_system += 1
        else:
            self.systems.add(system)
            messages -= 1
        self.turns[messages] += 1

    def answered(self, answer: str, key: int) -> None:
        """The answer of a conversation of any kind."""
        self._said([answer], [key])

    def _said(self, texts: list[str], keys: list[int]) -> None:
        self.spoken += len(texts)
        self.affixes.add(texts)
        short = [place for place, text in enumerate(texts) if len(text) <= _LABEL_CHARACTERS]
        self.short_answers += sum(" " not in texts[place].strip() for place in short)
        if len(short) < len(texts):
            self.labels.spill()
        for place in short:
            self.labels.add(keys[place])
        self.refusals += sum(REFUSAL.match(text) is not None for text in texts if text[:1] in _REFUSAL_STARTS)

    def belongs(self, key: str, value: int, line: int) -> None:
        """A row, on a line counted from 0, of the group that a key names."""
        self.groups.setdefault(key, LowestFirsts()).add(value, line)

    def line(self, *, piece: bool) -> bool:
        """A line that is not blank, whether it is a piece of a row; returns whether a run of pieces begins with it."""
        begins = piece and not self.ends_spread
        if not self.has_content:
            self.has_content, self.begins_spread = True, piece
        self.ends_spread = piece
        self.spread += begins
        return begins

    def merge(self, later: Partial) -> None:
        """Append the stretch that follows."""
        if self.ends_spread and later.begins_spread:
            later.findings.forget_first(ROW_SPREAD)
            later.spread -= 1
        if not self.has_content:
            self.begins_spread = later.begins_spread
        if later.has_content:
            self.ends_spread, self.has_content = later.ends_spread, True
        for key, values in later.groups.items():
            self.groups.setdefault(key, LowestFirsts()).merge(values, self.lines)
        self.findings.merge(later.findings, self.lines)
        self.near.merge(later.near, self.lines)
        self.languages.merge(later.languages, self.lines)
        self.sample.merge(later.sample)
        self.personal.merge(later.personal, self.lines)
        if later.others or self.others:
            self.others.extend([0] * (len(self.answers) - len(self.others)))
            self.others.extend(later.others or [0] * len(later.answers))
        self.prompts.extend(later.prompts)
        self.answers.extend(later.answers)
        for name in _FIRSTS:
            getattr(self, name).merge(getattr(later, name), self.lines)
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(later, name))
        for name in _GROUPS:
            getattr(self, name).merge(getattr(later, name))
        self.weighted = self.weighted or later.weighted
        self.affixes.merge(later.affixes)

    def longest_turns(self) -> int:
        """The most turns that a row has."""
        return max(self.turns, default=0)


_SUMS = (
    "lines", "rows", "valid", "without_system", "with_images", "spoken", "short_answers", "refusals", "preferred_bytes",
    "other_bytes", "crlf", "approximate", "system_heavy", "spread",
)  # fmt: skip
_COUNTERS = ("shapes", "label_kinds", "turns", "tokens")
_FIRSTS = ("labelled", "columns", "shaped", "label_types")
_GROUPS = ("systems", "tool_sets", "labels", "field_sets", "references")
