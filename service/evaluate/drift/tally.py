"""What is counted of one side in one pass: histograms and hashes, and the texts of a small sample until it is compared.

Tallies of stretches merge into that of the whole, which is the same whatever the cuts.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from service.evaluate.drift.sample import RowSample
from service.lint.check import Row
from service.lint.decoding import decode
from service.lint.fast import Messages, rows_in_turns
from service.lint.groups import Groups
from service.lint.keys import SEPARATOR, canonical, text_hash
from service.lint.labelled import label_hashes
from service.lint.lengths import Lengths, bare_texts, conversation_of
from service.lint.patterns import REFUSAL
from service.lint.reader import Block, Reader
from service.lint.shape import CLASSIFICATION, called, message_text, role, shape_of, shown_role
from service.lint.tokens.counter import TokenCounter

# an answer as short as this may be a class
LABEL_CHARACTERS = 40
MOST_LABELS = MOST_TOOLS = 1_000
_LONGEST_LINE = 4 << 20
_PLAIN_ROLES = ("assistant+user", "assistant+system+user")
_REFUSAL_STARTS = frozenset("iIsS \t\n\r")


class Tally:
    """Accumulates one stretch of one file."""

    def __init__(self, *, method: str, seed: int, file: int) -> None:
        self.method = method
        self.rows = self.unread = self.answered = self.refusals = self.approximate = 0
        self.characters: Counter[int] = Counter()
        self.tokens: Counter[int] = Counter()
        self.messages: Counter[int] = Counter()
        self.answer_characters: Counter[int] = Counter()
        self.tools: Counter[int] = Counter()
        self.roles: Counter[str] = Counter()
        self.shapes: Counter[str] = Counter()
        # hashes of classes and of short answers; of the sets of tools that are called in a row
        self.labels: Groups[int] = Groups(MOST_LABELS)
        self.called: Groups[int] = Groups(MOST_TOOLS)
        self.sample = RowSample(seed, file)

    def read(self, reader: Reader, counter: TokenCounter | None) -> Tally:
        """Count every row."""
        lengths = Lengths(self.tokens, counter)
        for block in reader.blocks():
            self._block(block, lengths)
        lengths.flush()
        self.approximate += lengths.approximate
        self.sample.cut()
        return self

    def merge(self, other: Tally) -> None:
        """Add another stretch or file."""
        for name in ("rows", "unread", "answered", "refusals", "approximate"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("characters", "tokens", "messages", "answer_characters", "tools", "roles", "shapes"):
            getattr(self, name).update(getattr(other, name))
        self.labels.merge(other.labels)
        self.called.merge(other.called)
        self.sample.merge(other.sample)

    def _block(self, block: Block, lengths: Lengths) -> None:
        lines = block.lines
        taken = dict(self.sample.taken(block.offsets[: len(lines)]))
        numbers, rows = rows_in_turns(lines, _LONGEST_LINE) if self.method == "sft" else ([], [])
        self._chats(numbers, rows, taken, lengths)
        if len(numbers) < len(lines):
            for number in sorted(set(range(len(lines))).difference(numbers)):
                if lines[number].strip():
                    self._other(lines[number], taken.get(number), lengths)

    def _chats(self, numbers: list[int], rows: list[Messages], taken: dict[int, int], lengths: Lengths) -> None:
        """Rows of the plainest kind, in columns."""
        if not rows:
            return
        contents = [[message.content for message in messages] for messages in rows]
        joined = list(map(SEPARATOR.join, contents))
        sizes = Counter(map(len, contents))
        self.rows += len(rows)
        self.shapes["chat"] += len(rows)
        self.tools[0] += len(rows)
        self.messages.update(sizes)
        for size, count in sizes.items():
            self.roles[_PLAIN_ROLES[size % 2]] += count
        self.characters.update([len(text) - len(texts) + 1 for text, texts in zip(joined, contents, strict=True)])
        lengths.chats(contents, joined)
        self._said([texts[-1] for texts in contents])
        for number, text, texts in zip(numbers, joined, contents, strict=True):
            if number in taken:
                self.sample.add(taken[number], text, texts[-1], text_hash(texts[-1]))

    def _said(self, answers: list[str]) -> None:
        self.answered += len(answers)
        sizes = list(map(len, answers))
        self.answer_characters.update(sizes)
        for answer, size in zip(answers, sizes, strict=True):
            if size <= LABEL_CHARACTERS:
                self.labels.add(text_hash(answer))
        self.refusals += sum(REFUSAL.match(text) is not None for text in answers if text[:1] in _REFUSAL_STARTS)

    def _other(self, raw: bytes, rank: int | None, lengths: Lengths) -> None:
        """Any line that is not blank."""
        data, _ = decode(raw)
        if not isinstance(data, dict):
            self.unread += 1
            return
        self.rows += 1
        self.shapes[shape_of(data) or "unknown"] += 1
        messages, _ = conversation_of(data, self.method)
        texts = [message_text(message) for message in messages] or bare_texts(data)
        self.characters[sum(map(len, texts))] += 1
        lengths.row(data, self.method)
        if messages:
            self.messages[len(messages)] += 1
            self.roles["+".join(sorted({shown_role(message) for message in messages}))] += 1
        answer = _answer(data, messages, texts)
        if answer is not None:
            self._said([answer])
        for label in sorted(label_hashes(data)) if shape_of(data) == CLASSIFICATION else ():
            self.labels.add(label)
        self._tools(data)
        if rank is not None:
            self.sample.add(rank, SEPARATOR.join(texts), answer or "", text_hash(answer) if answer is not None else 0)

    def _tools(self, data: dict[str, Any]) -> None:
        declared = data.get("tools") or data.get("functions")
        self.tools[len(declared) if isinstance(declared, list) else 0] += 1
        names = {name for _, function in called(Row(data)) if isinstance(name := function.get("name"), str)}
        if names:
            self.called.add(text_hash(canonical(sorted(names)).decode()))


def _answer(data: dict[str, Any], messages: list[dict[str, Any]], texts: list[str]) -> str | None:
    """What the row has a model say last, or None."""
    if messages:
        said = messages[-1].get("content")
        return said if role(messages[-1]) == "assistant" and isinstance(said, str) else None
    return texts[-1] if len(texts) > 1 and "completion" in data else None
