"""What is kept of a file while its lines pass: counts, hashes and lengths, never the rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import xxhash

from service.lint.fast import Chat, System
from service.lint.shape import shape_of

# framing of a message in the chat format of OpenAI's models; text is estimated at four bytes per token
_FRAMING_TOKENS = 4
_BYTES_PER_TOKEN = 4


class Tally:
    """Accumulates one file."""

    def __init__(self, path: str, *, with_prompts: bool) -> None:
        self.path = path
        self.rows = 0
        self.valid = 0
        self.without_system = 0
        self.weighted = False
        self.multi_turn = False
        self.shapes: Counter[str] = Counter()
        self.tokens: Counter[int] = Counter()
        self.systems: set[int] = set()
        self.first_lines: dict[int, int] = {}
        self.duplicates: list[tuple[str, int, int]] = []
        self.prompts: dict[int, int] | None = {} if with_prompts else None

    def clean(self, line: bytes, number: int, chat: Chat) -> None:
        """A plainly clean row."""
        first = chat.messages[0]
        self._row(line, number, valid=True)
        self.shapes["chat"] += 1
        system = first.content if type(first) is System else None
        turns = len(chat.messages) - (system is not None)
        self._chat(system, turns, sum(map(_size, chat.messages)), len(chat.messages))
        self.weighted = self.weighted or b'"weight"' in line
        if self.prompts is not None:
            texts = [message.content for message in chat.messages[:-1]]
            self.prompts.setdefault(_hash("\0".join(texts).encode()), number)

    def other(self, line: bytes, number: int, data: Any, *, valid: bool) -> None:
        """Any other non-blank line."""
        self._row(line, number, valid=valid)
        if not isinstance(data, dict):
            return
        self.shapes[shape_of(data) or "unknown"] += 1
        found = data.get("messages")
        messages = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        if not messages:
            return
        system = next((str(m.get("content")) for m in messages if m.get("role") in {"system", "developer"}), None)
        size = len(msgspec.json.encode(messages))
        self._chat(system, len(messages) - (system is not None), size, len(messages))
        self.weighted = self.weighted or any("weight" in message for message in messages)
        if self.prompts is not None:
            self.prompts.setdefault(_hash(msgspec.json.encode(messages[:-1])), number)

    def token_quantile(self, share: float) -> int:
        """The smallest length that `share` of the rows do not exceed."""
        needed, seen = share * sum(self.tokens.values()), 0
        for length in sorted(self.tokens):
            seen += self.tokens[length]
            if seen >= needed:
                return length
        return 0

    def _row(self, line: bytes, number: int, *, valid: bool) -> None:
        self.rows += 1
        self.valid += valid
        first = self.first_lines.setdefault(_hash(line.strip()), number)
        if first != number:
            self.duplicates.append((self.path, number, first))

    def _chat(self, system: str | None, turns: int, size: int, messages: int) -> None:
        self.without_system += system is None
        if system is not None:
            self.systems.add(_hash(system.encode("utf-8", "replace")))
        self.multi_turn = self.multi_turn or turns > 2
        self.tokens[-(-size // _BYTES_PER_TOKEN) + _FRAMING_TOKENS * messages] += 1


def _size(message: Any) -> int:

    return len(message.content)


def _hash(content: bytes) -> int:
    return xxhash.xxh3_64_intdigest(content)
