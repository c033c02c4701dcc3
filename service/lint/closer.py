"""The closer looks that a person asks for: sketches of near duplicates, and the languages of a sample."""

from __future__ import annotations

from typing import Any

from service.lint.check import Row
from service.lint.fast import Plain
from service.lint.languages import Said
from service.lint.partial import Partial
from service.lint.shape import message_text, outputs, preference_input, role, texts

_HASH = (1 << 64) - 1
_MIX = 0x9E3779B97F4A7C15
_SYSTEM = ("system", "developer")
_PARTS = ("user", "assistant", "")


class Closer:
    """Gathers what the rows of a block say and looks at them in the order of their lines."""

    def __init__(self, partial: Partial, *, near: bool, languages: bool) -> None:
        self._partial = partial
        self._near = near
        self._languages = languages
        self._rows: list[Said] = []

    def chats(self, plain: Plain, keys: list[tuple[int, int, int]]) -> None:
        """Plain rows, with the keys of all lines of the block."""
        before = self._partial.lines
        for number, contents in zip(plain.lines, plain.contents, strict=True):
            first = len(contents) % 2
            asked, answered = contents[first::2], contents[first + 1 :: 2]
            self._rows.append(Said(before + number, _mixed(keys[number]), " ".join(asked), " ".join(answered)))

    def row(self, line: int, data: dict[str, Any], key: tuple[int, int, int]) -> None:
        """Any other row."""
        row = Row(data)
        found = [(who, text) for _, who, text in texts(row) if who not in _SYSTEM] or _preferred(row)
        asked, answered, other = (" ".join(text for who, text in found if _part(who) == part) for part in _PARTS)
        self._rows.append(Said(line, _mixed(key), asked, answered, other))

    def flush(self) -> None:
        """Look at the rows of a block."""
        rows, self._rows = sorted(self._rows), []
        if self._near:
            self._partial.near.add((row.line, f"{row.text} {row.other}") for row in rows)
        if self._languages:
            self._partial.languages.add(rows)


def _part(who: str) -> str:
    return who if who in _PARTS else ""


def _preferred(row: Row) -> list[tuple[str, str]]:
    """(role, text) of a preference row: its input, and the output that is preferred."""
    asked = [m for m in preference_input(row) if isinstance(m, dict) and role(m) not in _SYSTEM]
    _, output = next(iter(outputs(row)), ("", []))
    answered = [m for m in output if isinstance(m, dict)]
    return [("user", message_text(m)) for m in asked] + [("assistant", message_text(m)) for m in answered]


def _mixed(key: tuple[int, int, int]) -> int:
    """One hash of all parts, so that the answers to one prompt are sampled one by one."""
    prompt, answer, other = key
    return (prompt ^ (answer << 32 | other) * _MIX) & _HASH
