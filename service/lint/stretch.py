"""Lints one stretch of lines: what is plainly clean is only counted, every other line meets all checks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from service.lint.catalogue import check_of, entries
from service.lint.check import Check, Hit, Line, Row
from service.lint.chosen import Checks
from service.lint.closer import Closer
from service.lint.columns import PLAIN_CHAT, PLAIN_WEIGHT, column_kinds, settled
from service.lint.fast import Limits, Plain, plain_rows
from service.lint.gate import EVERY_FAMILY, NO_FAMILY
from service.lint.keys import Key, canonical, plain_keys, row_key, text_hash
from service.lint.labelled import label_hashes, label_kinds
from service.lint.lengths import Lengths
from service.lint.partial import Partial
from service.lint.personal import READS
from service.lint.personal_rows import Watch
from service.lint.reader import Block, Reader
from service.lint.shape import (
    CLASSIFICATION,
    TOP_KEYS,
    deeper_than,
    message_text,
    outputs,
    preference_input,
    role,
    shape_of,
)
from service.lint.sizes import outweighs, plain_bytes
from service.lint.suppression import KEY, ignored
from service.records.lint_report import Severity

# checks of files and of preference rows read the whole row, the others its conversation
_OF_WHOLE_ROWS = "FD"
# what is looked at by recursion must not depend on how deep the caller stands; no row of any target is half as deep
_DEEPEST = 200
_BLANK_LINE = "F011"
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
        self._watch: Watch | None = None
        if checks.privacy is not None:
            self._watch = Watch(checks.privacy, self.partial.personal, checks.severities)
        self._lengths = Lengths(self.partial.tokens, checks.counter)
        self._typed = bool(checks.between_rows())
        # a target that does not read weights says so of every row that has one
        weights = "R033" not in checks.severities
        longest = plain_bytes(checks.limits, counted=checks.counter is not None)
        self._plainest = Limits(weights, longest, checks.limits.get("max_chars_message", 0))
        if most := checks.limits.get("max_messages"):
            self._plainest = self._plainest._replace(most_messages=min(most, self._plainest.most_messages))

    @cached_property
    def _row_checks(self) -> list[Check]:
        return self._checks.of("row")

    @cached_property
    def _text_checks(self) -> list[Check]:
        """Those that read what texts hold."""
        codes = [entry.code for entry in entries().values() if entry.scope == "row" and entry.reads]
        return [check_of(code) for code in codes if code in self._checks.severities]

    @cached_property
    def _explaining(self) -> list[Check]:
        return [check for check in self._checks.of("line") if not check.fallback and check.code != _BLANK_LINE]

    @cached_property
    def _fallback(self) -> list[Check]:
        """Those that are asked where no other explains why a line is not JSON."""
        return [check for check in self._checks.of("line") if check.fallback]

    @cached_property
    def _of_blanks(self) -> list[Check]:
        return [check for check in self._checks.of("line") if check.code == _BLANK_LINE]

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
        # in the order of the lines, because the first findings of a rule are kept
        for index in sorted({*range(len(lines))}.difference(plain.lines).union(plain.suspects)):
            line, number, offset = lines[index], partial.lines + index + 1, block.offsets[index]
            if index in plain.suspects:
                if self._suspect(line, number, offset, plain.suspects[index]):
                    wrong.add(index)
            elif line.strip():
                keys[index] = self._other(line, number, offset)
            elif index == len(lines) - 1:
                blank = (number, offset, line)
            else:
                self._blank_line(number, offset, line)
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
        readers = [check for check in self._text_checks if not suspects.isdisjoint(check.reads)]
        hits = [(check, hit) for check in readers for hit in check.find(row)]
        return "error" in [self._add(check, hit, number, offset) for check, hit in hits]

    def _other(self, raw: bytes, number: int, offset: int) -> Key:
        data, error = decode(raw)
        line = Line(raw=raw, number=number, data=data, error=error, first=offset <= _UTF8_MARK_BYTES)
        found = list(self._line_hits(line))
        if isinstance(data, dict):
            found += self._row_hits(line, data, self._lengths.row(data, self._checks.method))
            found = self._not_suppressed(found, ignored(data))
        elif self._watch is not None:
            self._watch.unread()
        wrong = [self._add(check, hit, number, offset) for check, hit in found]
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
            self._labels(data, number)
            self._conversation(data, key)
        return key

    def _labels(self, data: dict[str, Any], number: int) -> None:
        """Of a class of texts also how many rows have it; tags differ in number by nature."""
        self.partial.label_kinds.update(label_kinds(data))
        for label in label_hashes(data):
            self.partial.labelled.add(label, number)
            if shape_of(data) == CLASSIFICATION:
                self.partial.labels.add(label)

    def _conversation(self, data: dict[str, Any], key: Key) -> None:
        partial = self.partial
        partial.shapes[shape_of(data) or "unknown"] += 1
        row = Row(data)
        if self._checks.method == "dpo":
            self._preference(row)
        messages = [m for m in preference_input(row) if isinstance(m, dict)] or [m for _, m in row.messages]
        if not messages:
            return
        system = next((str(m.get("content")) for m in messages if role(m) in {"system", "developer"}), None)
        partial.spoke(None if system is None else text_hash(system), len(messages))
        partial.with_images += any(_has_image(message) for message in messages)
        partial.weighted = partial.weighted or any("weight" in message for message in messages)
        self._fields(data)
        answer = messages[-1].get("content")
        if role(messages[-1]) == "assistant" and isinstance(answer, str):
            partial.answered(answer, key.answer)
        texts = [message_text(message) for message in messages]
        if system is not None:
            partial.system_heavy += outweighs(system, texts)
            if data.get("tools"):
                partial.tool_sets.add((text_hash(system), text_hash(canonical(data["tools"]).decode())))

    def _preference(self, row: Row) -> None:
        found = [canonical(output) for _, output in outputs(row)]
        if len(found) == 2:
            self.partial.preferred_bytes += len(found[0])
            self.partial.other_bytes += len(found[1])

    def _fields(self, data: dict[str, Any]) -> None:
        names = tuple(sorted(name for name in data if name not in TOP_KEYS and name != KEY))
        self.partial.field_sets.add(names)
        self.partial.references.add(text_hash(canonical([data[name] for name in names]).decode()))

    def _row_hits(self, line: Line, data: dict[str, Any], tokens: int) -> Iterator[tuple[Check, Hit]]:
        """The checks of a row; of preference data, chat checks read the input."""
        whole = self._checks.row(data, tokens)
        if self._watch is not None:
            self._watch.row(whole, line.raw, line.number)
        inner = data.get("input") if self._checks.method == "dpo" else None
        nested = self._checks.row(inner, tokens) if isinstance(inner, dict) else None
        for check in self._row_checks:
            if nested is not None and check.code[0] not in _OF_WHOLE_ROWS and READS not in check.reads:
                for hit in check.find(nested):
                    place = f"/input{hit.pointer}" if hit.pointer else "/input"
                    yield check, msgspec.structs.replace(hit, pointer=place)
            else:
                yield from ((check, hit) for hit in check.find(whole))

    def _line_hits(self, line: Line) -> Iterator[tuple[Check, Hit]]:
        explained = [(check, hit) for check in self._explaining for hit in check.find(line)]
        yield from explained
        if line.error is not None and not explained:
            yield from ((check, hit) for check in self._fallback for hit in check.find(line))

    def _blank_line(self, number: int, offset: int, raw: bytes) -> None:
        line = Line(raw=raw, number=number, data=None, error=None)
        for check in self._of_blanks:
            for hit in check.find(line):
                self._add(check, hit, number, offset)


def decode(raw: bytes) -> tuple[Any, str | None]:
    """(data, None) or (None, why it is not JSON); the reason never quotes the line."""
    if deeper_than(_DEEPEST, raw):
        return None, "nested too deep to read"
    try:
        return msgspec.json.decode(raw), None
    except UnicodeDecodeError:
        return None, "invalid UTF-8"
    except RecursionError:
        return None, "nested too deep to read"
    except ValueError as error:
        # msgspec names a position or the kind of damage, and quotes no content for JSON that is malformed
        return None, str(error).removeprefix("JSON is malformed: ")


def _has_image(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(isinstance(p, dict) and p.get("type") == "image_url" for p in content)
