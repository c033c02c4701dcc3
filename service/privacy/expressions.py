"""Says a recognizer's regular expression to Vectorscan: the same language or a wider one, or not at all.

Presidio matches with the `regex` module. What that module and Vectorscan read alike may pass; what they read apart
(set operations, fuzzy counts, `\\p{..}`, possessive repeats, inline flags in the middle) is refused, and the
recognizer then runs on every text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# a bounded repeat costs states by its bound, and only "at least so many" matters to a superset
_RELAXED_FROM = 64
# bounds multiply where repeats nest; far beyond this a database takes minutes and gigabytes
_MOST_POSITIONS = 20_000
_CLASS_ESCAPES = frozenset("dwsDWSnrtf")
_ESCAPES = _CLASS_ESCAPES | frozenset("bBAZ123456789")
_QUANTIFIER = re.compile(r"\{(\d*)(,?)(\d*)\}")
_GROUP = re.compile(r"\(\?(?::|=|!|<=|<!|P?<[A-Za-z_]\w*>|P=[A-Za-z_]\w*(?=\))|[ims]*(?:-[ims]+)?:)")
_LEADING_FLAGS = re.compile(r"\(\?[ims]+\)")
_HEX = re.compile(r"x[0-9A-Fa-f]{2}")
# flags of the `regex` module by value, so that a cached plan is read without it
IGNORECASE, MULTILINE, DOTALL, UNICODE, VERSION0 = 0x2, 0x8, 0x10, 0x20, 0x2000
_KNOWN_FLAGS = IGNORECASE | MULTILINE | DOTALL | UNICODE | VERSION0


def gate_expression(expression: str, flags: int, *, audited: bool) -> str | None:
    """The expression for Vectorscan, or None when nobody can say that it covers the original.

    `audited` expressions (Presidio's own) are compared code point by code point in tests, so that only their repeats
    are rewritten; all others must keep to the syntax that both engines read alike.
    """
    if flags & ~_KNOWN_FLAGS:
        return None
    made: list[str] = []
    size = _Size()
    for piece in pieces(expression, audited=audited):
        repeat = _QUANTIFIER.fullmatch(piece or "")
        if piece is None or (repeat and not _is_repeat(repeat)):
            return None
        made.append(_relaxed(repeat) if repeat else piece)
        size.add(piece, _copies(repeat) if repeat else 0)
        if size.positions > _MOST_POSITIONS and not audited:
            return None
    return "".join(made)


def pieces(expression: str, *, audited: bool) -> Iterator[str | None]:
    """What an expression is made of: escapes, classes, heads of groups, repeats, characters; None for what is refused.

    Flags at its head come first.
    """
    start = _LEADING_FLAGS.match(expression)
    place = start.end() if start else 0
    if start:
        yield start[0]
    while place < len(expression):
        piece = _piece(expression, place, audited=audited)
        yield piece
        if piece is None:
            return
        place += len(piece)


class _Size:
    """How many positions an expression has once its bounded repeats are written out."""

    def __init__(self) -> None:
        self._groups = [0]
        self._last = 0

    @property
    def positions(self) -> int:
        return sum(self._groups)

    def add(self, piece: str, copies: int) -> None:
        """Count a token; `copies` above 0 repeat the one before it."""
        if copies:
            self._groups[-1] += self._last * (copies - 1)
            self._last *= copies
        elif piece[0] == "(":
            self._groups.append(0)
        elif piece == ")" and len(self._groups) > 1:
            self._last = self._groups.pop()
            self._groups[-1] += self._last
        elif piece not in {"*", "+", "?", "|"}:
            self._groups[-1] += 1
            self._last = 1


def _is_repeat(match: re.Match[str]) -> bool:
    """Python reads {,n} as a repeat and {} as two characters."""
    return bool(match[1] or match[3])


def _relaxed(match: re.Match[str]) -> str:
    least, comma, most = match[1] or "0", match[2], match[3]
    if comma and most and int(most) >= _RELAXED_FROM:
        return f"{{{least},}}"
    return f"{{{least}{comma}{most}}}"


def _copies(match: re.Match[str]) -> int:
    most = match[3] or match[1]
    return 1 if match[2] and match[3] and int(most) >= _RELAXED_FROM else max(int(most), 1)


def _piece(expression: str, place: int, *, audited: bool) -> str | None:
    """The next piece that stands for itself: an escape, a class, the head of a group, a repeat or a character."""
    character = expression[place]
    if character == "\\":
        return _escape(expression, place, _ESCAPES, audited=audited)
    if character == "[":
        return _class(expression, place, audited=audited)
    if character == "{":
        return _braces(expression, place, audited=audited)
    if audited:
        return character
    if not character.isascii():
        return None
    if character == "(" and expression.startswith("(?", place):
        head = _GROUP.match(expression, place)
        return head[0] if head else None
    if character in "*+?" and expression.startswith("+", place + 1):
        return None  # possessive
    return character


def _braces(expression: str, place: int, *, audited: bool) -> str | None:
    repeat = _QUANTIFIER.match(expression, place)
    if not repeat:
        return "{" if audited else None
    possessive = expression.startswith("+", repeat.end())
    return None if possessive and not audited else repeat[0]


def _escape(expression: str, place: int, letters: frozenset[str], *, audited: bool) -> str | None:
    escaped = expression[place + 1 : place + 2]
    if audited:
        return expression[place : place + 2]
    if escaped == "x" and (match := _HEX.match(expression, place + 1)):
        return f"\\{match[0]}" if int(match[0][1:], 16) < 0x80 else None
    known = escaped in letters if escaped.isalnum() else escaped.isascii()
    return f"\\{escaped}" if escaped and known else None


def _class(expression: str, place: int, *, audited: bool) -> str | None:
    end = place + 1 + expression.startswith("^", place + 1)
    end += expression.startswith("]", end)
    while end < len(expression) and expression[end] != "]":
        if expression[end] == "\\":
            piece = _escape(expression, end, _CLASS_ESCAPES, audited=audited)
            if piece is None:
                return None
            end += len(piece)
            continue
        if not audited and (not expression[end].isascii() or _is_set_syntax(expression, end)):
            return None
        end += 1
    return expression[place : end + 1] if end < len(expression) else None


def _is_set_syntax(expression: str, place: int) -> bool:
    return expression[place] == "[" or expression[place : place + 2] in {"--", "&&", "||", "~~"}
