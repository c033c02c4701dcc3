"""What is kept of a file while its lines pass: counts, hashes and lengths, never the rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import xxhash

from service.lint.check import Row
from service.lint.fast import Chat, System
from service.lint.patterns import REFUSAL
from service.lint.shape import BYTES_PER_TOKEN, FRAMING_TOKENS, TOP_KEYS, outputs, preference_input, role, shape_of

# answers this short are classes, as long as there are few of them
_LABEL_CHARACTERS, _MOST_LABELS = 40, 50


class Tally:
    """Accumulates one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.rows = 0
        self.valid = 0
        self.without_system = 0
        self.with_images = 0
        self.weighted = False
        self.longest_turns = 0
        self.turns: Counter[int] = Counter()
        self.shapes: Counter[str] = Counter()
        self.tokens: Counter[int] = Counter()
        self.systems: Counter[int] = Counter()
        self.first_lines: dict[int, int] = {}
        self.duplicates: list[tuple[str, int, int]] = []
        self.answers: Counter[int] = Counter()
        self.labels: Counter[int] | None = Counter()
        self.short_answers = 0
        self.refusals = 0
        self.prompts: dict[int, tuple[int, int]] = {}
        self.conflicts: list[tuple[str, int, int]] = []
        self.preferred_bytes = 0
        self.other_bytes = 0
        self.preferences: dict[tuple[int, int, int], int] = {}
        self.swapped: list[tuple[int, int]] = []
        self.field_sets: set[tuple[str, ...]] = set()
        self.references: set[int] = set()

    def clean(self, line: bytes, number: int, chat: Chat) -> None:
        """A plainly clean row."""
        messages = chat.messages
        first = messages[0]
        fresh = self._row(line, number, valid=True)
        self.shapes["chat"] += 1
        system = first.content if type(first) is System else None
        size = sum([len(message.content) for message in messages])
        self._chat(system, len(messages) - (system is not None), size, len(messages))
        self.weighted = self.weighted or b'"weight"' in line
        answer = messages[-1].content
        self._answer(answer)
        self.field_sets.add(())
        if fresh:
            self._prompt("\0".join([message.content for message in messages[:-1]]).encode(), answer.encode(), number)

    def other(self, line: bytes, number: int, data: Any, *, valid: bool) -> None:
        """Any other non-blank line."""
        fresh = self._row(line, number, valid=valid)
        if not isinstance(data, dict):
            return
        self.shapes[shape_of(data) or "unknown"] += 1
        row = Row(data)
        self._preference(row, number)
        messages = [m for m in preference_input(row) if isinstance(m, dict)] or [m for _, m in row.messages]
        if not messages:
            return
        system = next((str(m.get("content")) for m in messages if role(m) in {"system", "developer"}), None)
        self._chat(system, len(messages) - (system is not None), len(msgspec.json.encode(messages)), len(messages))
        self.with_images += any(_has_image(message) for message in messages)
        self.weighted = self.weighted or any("weight" in message for message in messages)
        self._fields(data)
        answer = messages[-1].get("content")
        if role(messages[-1]) == "assistant" and isinstance(answer, str):
            self._answer(answer)
            if fresh:
                self._prompt(msgspec.json.encode(messages[:-1]), answer.encode("utf-8", "replace"), number)

    def token_quantile(self, share: float) -> int:
        """The smallest length that `share` of the rows do not exceed."""
        needed, seen = share * sum(self.tokens.values()), 0
        for length in sorted(self.tokens):
            seen += self.tokens[length]
            if seen >= needed:
                return length
        return 0

    def _row(self, line: bytes, number: int, *, valid: bool) -> bool:
        """Whether the row is no repetition of an earlier one."""
        self.rows += 1
        self.valid += valid
        first = self.first_lines.setdefault(_hash(line.strip()), number)
        if first != number:
            self.duplicates.append((self.path, number, first))
        return first == number

    def _chat(self, system: str | None, turns: int, size: int, messages: int) -> None:
        if system is None:
            self.without_system += 1
        else:
            self.systems[_hash(system.encode("utf-8", "replace"))] += 1
        self.turns[turns] += 1
        if turns > self.longest_turns:
            self.longest_turns = turns
        self.tokens[-(-size // BYTES_PER_TOKEN) + FRAMING_TOKENS * messages] += 1

    def _answer(self, answer: str) -> None:
        self.answers[hash(answer)] += 1
        if len(answer) <= _LABEL_CHARACTERS:
            self.short_answers += " " not in answer.strip()
            if self.labels is not None:
                self.labels[hash(answer)] += 1
        else:
            self.labels = None
        if self.labels is not None and len(self.labels) > _MOST_LABELS:
            self.labels = None
        self.refusals += REFUSAL.match(answer) is not None

    def _prompt(self, prompt: bytes, answer: bytes, number: int) -> None:
        key, said = _hash(prompt), _hash(answer)
        first = self.prompts.setdefault(key, (number, said))
        if first[0] != number and first[1] != said:
            self.conflicts.append((self.path, number, first[0]))

    def _preference(self, row: Row, number: int) -> None:
        found = [msgspec.json.encode(output) for _, output in outputs(row)]
        if len(found) != 2:
            return
        self.preferred_bytes += len(found[0])
        self.other_bytes += len(found[1])
        key = _hash(msgspec.json.encode(preference_input(row))), _hash(found[0]), _hash(found[1])
        opposite = self.preferences.get((key[0], key[2], key[1]))
        if opposite is not None and key[1] != key[2]:
            self.swapped.append((number, opposite))
        self.preferences.setdefault(key, number)

    def _fields(self, data: dict[str, Any]) -> None:
        names = tuple(sorted(name for name in data if name not in TOP_KEYS))
        self.field_sets.add(names)
        self.references.add(_hash(msgspec.json.encode([data[name] for name in names])))


def _has_image(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(isinstance(p, dict) and p.get("type") == "image_url" for p in content)


def _hash(content: bytes) -> int:
    return xxhash.xxh3_64_intdigest(content)
