"""Lints one stretch of lines: what is plainly clean is only counted, every other line meets all checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from service.lint.check import Check, Hit, Line, Row
from service.lint.chosen import Checks
from service.lint.closer import Closer
from service.lint.columns import PLAIN_CHAT, PLAIN_WEIGHT, column_kinds, settled
from service.lint.counted import count_conversation, count_labels
from service.lint.decoding import decode
from service.lint.fast import Limits, Plain, plain_rows
from service.lint.gate import EVERY_FAMILY, NO_FAMILY
from service.lint.keys import Key, plain_keys, row_key
from service.lint.lengths import Lengths
from service.lint.literal import is_piece
from service.lint.partial import Partial
from service.lint.personal import READS
from service.lint.personal_rows import Watch
from service.lint.reader import Block, Reader
from service.lint.row_groups import groups_of
from service.lint.shape import (
    is_array_of_rows,
    shape_of,
)
from service.lint.signs import A_ROW, BLANK, NO_ROW, Signs, signs_of
from service.lint.sizes import last_answer, plain_bytes
from service.lint.suppression import ignored
from service.lint.views import views
from service.records.lint_report import Severity

_GROUPS = "X007"
_MOST_SIGNS = 1_000
_UTF8_MARK_BYTES = 3


class Stretch:
    """Reads one stretch of a file into a Partial; `last` says that the file ends with it."""

    def __init__(self, checks: Checks, *, last: bool = True) -> None:
        self.partial = Partial(checks.most)
        self._checks = checks
        self._closer: Closer | None = None
        if checks.near or checks.languages:
            self._closer = Closer(self.partial, near=checks.near, languages=checks.languages)
        self._last = last
        self._by_signs: dict[tuple[str, Signs], list[Check]] = {}
        self._watch: Watch | None = None
        if checks.privacy is not None:
            self._watch = Watch(checks.privacy, self.partial.personal, checks.severities)
        self._lengths = Lengths(self.partial.tokens, checks.counter)
        self._typed = bool(checks.between_rows())
        self._grouped = _GROUPS in checks.severities and bool(checks.group_keys.keys)
        # a target that does not read weights says so of every row that has one
        weights = "R033" not in checks.severities
        longest = plain_bytes(checks.limits, counted=checks.counter is not None)
        self._plainest = Limits(weights, longest, checks.limits.get("max_chars_message", 0))
        if most := checks.limits.get("max_messages"):
            self._plainest = self._plainest._replace(most_messages=min(most, self._plainest.most_messages))

    def _asked(self, scope: str, signs: Signs) -> list[Check]:
        """The checks of rows or lines that may find something where these signs are all there is."""
        found = self._by_signs.get((scope, signs))
        if found is None:
            if len(self._by_signs) == _MOST_SIGNS:
                self._by_signs.clear()
            found = self._by_signs[scope, signs] = self._checks.asked(scope, signs)
        return found

    def read(self, reader: Reader) -> Partial:
        """Lint every line."""
        is_chat = self._checks.method == "sft" and not self._checks.ask_every_row
        blank: tuple[int, int, bytes] | None = None
        for block in reader.blocks():
            if blank is not None:
                self._blank_line(*blank)
            blank = self._block(block, is_chat=is_chat)
        if blank is not None and not self._last:
            self._blank_line(*blank)
        self._lengths.flush()
        self.partial.approximate = self._lengths.approximate
        self.partial.crlf = reader.crlf
        return self.partial

    def _block(self, block: Block, *, is_chat: bool) -> tuple[int, int, bytes] | None:
        """Returns the block's last line when it is blank: that is no finding at the end of a file."""
        partial, lines = self.partial, block.lines
        held, unseen = (block.held, NO_FAMILY) if block.held is not None else ({}, EVERY_FAMILY)
        plain = plain_rows(lines if is_chat else [], held, unseen, self._plainest)
        if self._watch is not None:
            self._watch.chats(plain, lines)
        keys: list[tuple[int, int, int]] = [Key(0)] * len(lines)
        blank = None
        wrong: set[int] = set()
        # lines that were looked at one by one; those between are whole rows
        seen = 0
        # in the order of the lines, because the first findings of a rule are kept
        for index in sorted({*range(len(lines))}.difference(plain.lines).union(plain.suspects)):
            line, number, offset = lines[index], partial.lines + index + 1, block.offsets[index]
            if index > seen:
                partial.line(piece=False)
            seen = index + 1
            if index in plain.suspects:
                partial.line(piece=False)
                if self._suspect(line, number, offset, plain.suspects[index]):
                    wrong.add(index)
            elif line.strip():
                keys[index] = self._other(line, number, offset, held.get(index, unseen))
            elif index == len(lines) - 1:
                blank = (number, offset, line)
            else:
                self._blank_line(number, offset, line)
        if seen < len(lines):
            partial.line(piece=False)
        self._chats(plain, wrong, keys)
        if self._closer is not None:
            self._closer.chats(plain, keys)
            self._closer.flush()
        partial.keys(keys)
        partial.lines += len(lines)
        return blank

    def _chats(self, plain: Plain, wrong: set[int], keys: list[tuple[int, int, int]]) -> None:
        """Count the plain rows, of which those on `wrong` have an error in their texts, and put their keys in place."""
        contents = plain.contents
        places = {number: place for place, number in enumerate(plain.lines)} if plain.weights else {}
        weights = {places[number]: found for number, found in plain.weights.items()}
        prompts, answers = plain_keys(contents, plain.joined, weights)
        for number, prompt, answer in zip(plain.lines, prompts, answers, strict=True):
            keys[number] = (prompt, answer, 0)
        self.partial.chats(contents, answers, valid=len(contents) - len(wrong))
        self.partial.sample.chats(prompts, answers, contents)
        if plain.lines:
            self.partial.shaped.add("chat", self.partial.lines + plain.lines[0] + 1)
        self.partial.weighted = self.partial.weighted or bool(plain.weights)
        self._lengths.chats(contents, plain.joined)
        if self._typed:
            self._plain_columns(plain, wrong)

    def _plain_columns(self, plain: Plain, wrong: set[int]) -> None:
        """The types in plain rows without an error, which are the same in all of them."""
        for lines, columns in ((plain.lines, PLAIN_CHAT), (sorted(plain.weights), (PLAIN_WEIGHT,))):
            first = next((line for line in lines if line not in wrong), None)
            if first is not None:
                for column in columns:
                    self.partial.columns.add(column, self.partial.lines + first + 1)

    def _suspect(self, line: bytes, number: int, offset: int, suspects: frozenset[str]) -> bool:
        """Ask the checks that read what was found in the texts; returns whether one is an error."""
        row = self._checks.row(msgspec.json.decode(line))
        if self._watch is not None and READS in suspects:
            self._watch.row(row, line, number)
        readers = [check for check in self._asked("row", suspects) if check.reads]
        hits = [(check, hit) for check in readers for hit in check.find(row)]
        return "error" in [self._add(check, hit, number, offset) for check, hit in hits]

    def _other(self, raw: bytes, number: int, offset: int, families: frozenset[int]) -> Key:
        """Any line that is not blank, in which the gate saw `families`."""
        data, error = decode(raw)
        piece = is_piece(raw) if error is not None else is_array_of_rows(data)
        begins = self.partial.line(piece=piece)
        if piece and not begins:
            return Key(0)
        line = Line(raw=raw, number=number, data=data, error=error, first=offset <= _UTF8_MARK_BYTES, piece=piece)
        found = list(self._line_hits(line))
        if isinstance(data, dict):
            found += self._row_hits(line, data, families)
            found = self._not_suppressed(found, ignored(data))
        elif self._watch is not None:
            self._watch.unread()
        wrong = [self._add(check, hit, number, offset) for check, hit in found]
        if piece:
            return Key(0)
        valid = error is None and isinstance(data, dict) and "error" not in wrong
        if self._typed and valid:
            for column in settled(column_kinds(data)):
                self.partial.columns.add(column, number)
        key = self._count(raw, data, number, valid=valid)
        if self._closer is not None and isinstance(data, dict):
            self._closer.row(number - 1, data, key)
        return key

    def _not_suppressed(self, found: list[tuple[Check, Hit]], starts: tuple[str, ...]) -> list[tuple[Check, Hit]]:
        """What the row does not take back; the rest is only counted."""
        if not starts:
            return found
        for check, hit in found:
            if check.code.startswith(starts):
                self.partial.findings.suppress(check, hit)
        return [(check, hit) for check, hit in found if not check.code.startswith(starts)]

    def _add(self, check: Check, hit: Hit, number: int, offset: int) -> Severity:
        severity = hit.severity or self._checks.severities[check.code]
        self.partial.findings.add(check, severity, hit, line=number, offset=offset)
        return severity

    def _count(self, raw: bytes, data: Any, number: int, *, valid: bool) -> Key:
        partial = self.partial
        partial.rows += 1
        partial.valid += valid
        key = row_key(raw, data, self._checks.method)
        if isinstance(data, dict):
            count_labels(partial, data, number)
            partial.shaped.add(shape_of(data) or "unknown", number)
            count_conversation(partial, data, key, self._checks.method)
            rank = key.prompt, key.answer
            if partial.sample.takes(rank) and (said := last_answer(Row(data))):
                partial.sample.add(rank, said)
            if self._grouped:
                for name, value in groups_of(data, self._checks.group_keys):
                    partial.belongs(name, value, number - 1)
        return key

    def _row_hits(self, line: Line, data: dict[str, Any], families: frozenset[int]) -> list[tuple[Check, Hit]]:
        """The checks of a row, of preference data also those of its input and its outputs."""
        tokens = self._lengths.row(data, self._checks.method)
        found = []
        for view in views(data, self._checks.method, lambda seen: self._checks.row(seen, tokens)):
            signs = signs_of(view.row, size=len(line.raw), families=families)
            if view.whole and self._watch is not None and self._watch.row(view.row, line.raw, line.number):
                signs |= {READS}
            hits = [
                (check, hit)
                for check in self._asked("row", signs)
                if view.takes(check.code)
                for hit in check.find(view.row)
            ]
            found += hits if view.whole else [(check, _moved(hit, view.pointer(hit.pointer))) for check, hit in hits]
        return found

    def _line_hits(self, line: Line) -> Iterator[tuple[Check, Hit]]:
        asked = self._asked("line", A_ROW if isinstance(line.data, dict) else NO_ROW)
        explained = [(check, hit) for check in asked if not check.fallback for hit in check.find(line)]
        yield from explained
        if line.error is not None and not explained:
            yield from ((check, hit) for check in asked if check.fallback for hit in check.find(line))

    def _blank_line(self, number: int, offset: int, raw: bytes) -> None:
        line = Line(raw=raw, number=number, data=None, error=None)
        for check in self._asked("line", BLANK):
            for hit in check.find(line):
                self._add(check, hit, number, offset)


def _moved(hit: Hit, pointer: str | None) -> Hit:
    return msgspec.structs.replace(hit, pointer=pointer)
