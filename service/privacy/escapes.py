"""Finds what JSON escapes hide in a text that is no JSON document as a whole: one in a Markdown fence, a broken one."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from service.privacy.found import Found

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# two escapes of a surrogate pair are one
_ESCAPE = re.compile(rf'{_HIGH}{_LOW}|\\u[0-9a-fA-F]{{4}}|\\["\\/bfnrt]')
_QUOTE = re.compile(r'\\.|(")', re.DOTALL)
# JSON in the text, in a string of that JSON, and in a string of that one
_DEPTH = 3

Scan = Callable[[str], Sequence[Found]]


class _Read(NamedTuple):
    """A text with its escapes read; `places` are where its characters begin in the text before, and that one's end."""

    text: str
    places: Sequence[int]


def plain(value: str) -> str:
    """A value as a reader of JSON would have it, so that all spellings of it are equal."""
    for _ in range(_DEPTH):
        read = _read(value)
        if read is None:
            break
        value = read.text
    return value


def found_in(text: str, scan: Scan, depth: int = _DEPTH) -> Sequence[Found]:
    r"""The findings in a text as it is and as it reads without its escapes; all are places of the text as it is.

    The letter of `\n` is not taken for the first one of a name behind it, where a JSON string stands around it.
    """
    found = scan(text)
    read = _read(text) if depth else None
    if read is None:
        return found
    inner = [
        one._replace(start=read.places[one.start], end=read.places[one.end])
        for one in found_in(read.text, scan, depth - 1)
    ]
    return _merged(_whole(text, found, read.places), inner)


def _read(text: str) -> _Read | None:
    """The text with its escapes read once; None where it has none."""
    if "\\" not in text:
        return None
    pieces: list[str] = []
    places: list[int] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        pieces += (text[end : match.start()], json.loads(f'"{match.group()}"'))
        places += (*range(end, match.start()), match.start())
        end = match.end()
    if not pieces:
        return None
    return _Read("".join([*pieces, text[end:]]), [*places, *range(end, len(text) + 1)])


def _whole(text: str, found: Sequence[Found], places: Sequence[int]) -> list[Found]:
    """Findings that cut no escape: in a JSON string such a one is none, elsewhere it takes in the whole escape."""
    kept: list[Found] = []
    inside: Callable[[int], bool] | None = None
    for one in found:
        start, end = places[bisect_right(places, one.start) - 1], places[bisect_left(places, one.end)]
        if (start, end) != (one.start, one.end):
            inside = inside or _in_string(text)
            if inside(start if start != one.start else one.end):
                continue
        kept.append(one._replace(start=start, end=end))
    return kept


def _in_string(text: str) -> Callable[[int], bool]:
    """Whether a place stands in a JSON string, as the quotes before it on its line say."""
    quotes = [match.start() for match in _QUOTE.finditer(text) if match.group(1)]
    lines = [match.start() for match in re.finditer("\n", text)]

    def inside(place: int) -> bool:
        line = bisect_left(lines, place)
        begin = lines[line - 1] if line else 0
        return (bisect_left(quotes, place) - bisect_left(quotes, begin)) % 2 == 1

    return inside


def _merged(found: Sequence[Found], inner: Sequence[Found]) -> list[Found]:
    """Both; of two findings of an entity that lie in one another the longer one, and of equal ones the surer."""
    kept: list[Found] = []
    widest: dict[str, int] = {}
    for one in sorted({*found, *inner}, key=lambda one: (one.start, -one.end, -one.score, one.entity, one.recognizer)):
        if one.end > widest.get(one.entity, -1):
            kept.append(one)
            widest[one.entity] = one.end
    return sorted(kept, key=lambda one: (one.start, one.end, one.entity, one.recognizer))
