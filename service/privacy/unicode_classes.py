"""Where Presidio's `regex` module and Vectorscan disagree on what a digit, a word character or a space is.

Both follow Unicode, of different years. The gate looks at a copy of the text in which every character that they
class differently is replaced by one that both class as `regex` does; Presidio sees the text itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

_CLASSES = (r"\d", r"\w", r"\s")
# digits are word characters too, so the first class that fits decides; the last stands for "none of them"
_STANDS_FOR = (0x0661, 0x4E00, 0x3000)
_NEITHER = 0x2014
_SURROGATES = range(0xD800, 0xE000)
_FIRST = 0x80  # nobody disagrees about ASCII
# how many UTF-8 bytes all code points from _FIRST take up to the last of two bytes, and to the last of three
_END_OF_TWO = (0x800 - _FIRST) * 2
_END_OF_THREE = _END_OF_TWO + (0x10000 - 0x800 - len(_SURROGATES)) * 3


class Disagreement(msgspec.Struct, frozen=True, array_like=True):
    """Code points `first` to `last`, both included, and what stands for each of them in front of the gate."""

    first: int
    last: int
    stands_for: int


def disagreements(hyperscan: Any) -> tuple[Disagreement, ...]:
    """Ask both engines about every code point (a quarter of a second)."""
    import regex

    every = "".join(map(chr, [*range(_FIRST, _SURROGATES.start), *range(_SURROGATES.stop, 0x110000)]))
    coded = every.encode()
    ours = [_by_regex(regex.compile(f"{name}+"), every) for name in _CLASSES]
    theirs = [_by_vectorscan(hyperscan, name, coded) for name in _CLASSES]
    apart: set[int] = set().union(*(one ^ other for one, other in zip(ours, theirs, strict=True)))
    found: list[Disagreement] = []
    for code in sorted(apart):
        stands_for = next((char for char, known in zip(_STANDS_FOR, ours, strict=True) if code in known), _NEITHER)
        if found and found[-1].last == code - 1 and found[-1].stands_for == stands_for:
            found[-1] = Disagreement(found[-1].first, code, stands_for)
        else:
            found.append(Disagreement(code, code, stands_for))
    return tuple(found)


def translation(found: tuple[Disagreement, ...]) -> dict[int, int]:
    """The table for `str.translate`."""
    return {code: one.stands_for for one in found for code in range(one.first, one.last + 1)}


def any_of(found: tuple[Disagreement, ...]) -> str:
    """An expression for "there is such a character"; it names code points, so no table of classes is asked."""
    return "[" + "".join(f"\\x{{{one.first:x}}}-\\x{{{one.last:x}}}" for one in found) + "]"


def _by_regex(compiled: Any, every: str) -> set[int]:
    return {ord(char) for match in compiled.finditer(every) for char in match.group()}


def _by_vectorscan(hyperscan: Any, name: str, coded: bytes) -> set[int]:
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP
    database.compile(expressions=[name.encode()], ids=[0], elements=1, flags=[flags])
    ends: list[int] = []
    database.scan(coded, match_event_handler=lambda _id, _start, end, _flags, _context: ends.append(end))
    return {_code_that_ends(end) for end in ends}


def _code_that_ends(end: int) -> int:
    """The code point whose last byte is at offset `end - 1` of all code points from _FIRST."""
    if end <= _END_OF_TWO:
        return _FIRST - 1 + end // 2
    if end <= _END_OF_THREE:
        code = 0x7FF + (end - _END_OF_TWO) // 3
        return code if code < _SURROGATES.start else code + len(_SURROGATES)
    return 0xFFFF + (end - _END_OF_THREE) // 4
