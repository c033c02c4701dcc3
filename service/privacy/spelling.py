"""Writes other texts into a JSON document and leaves every other byte as it is: spaces, numbers, escapes, key order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

_SCALAR = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:[0-9][0-9.eE+-]*|Infinity)|NaN|true|false|null')
# what JSON writes for one character; two escapes of a surrogate pair are one
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Pairs(list[tuple[str, Any]]):
    """A JSON object in which a key comes twice."""


def pairs_of(value: dict[str, Any] | Pairs) -> Iterable[tuple[str, Any]]:
    """Keys and values of an object as they are written."""
    return value.items() if isinstance(value, dict) else value


class Edit(NamedTuple):
    """Characters `start` to `end` (excluded) of a text give way to `text`."""

    start: int
    end: int
    text: str


class Edited(str):
    """A text that says how it came from the one before it; `edits` are in order and do not overlap."""

    __slots__ = ("edits",)
    edits: tuple[Edit, ...]


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits made; the same object where there are none."""
    if not edits:
        return text
    ends = [0, *(edit.end for edit in edits)]
    kept = [text[end : edit.start] + edit.text for end, edit in zip(ends, edits, strict=False)]
    new = Edited("".join([*kept, text[ends[-1] :]]))
    new.edits = tuple(edits)
    return new


def respelled(text: str, old: object, new: object) -> str:
    """The JSON document `text`, which says `old`, edited so that it says `new`.

    Both have the same shape: only texts, keys and numbers differ, and what does not is the same object.
    """
    edits: list[Edit] = []
    for token, before, after in zip(_SCALAR.finditer(text), _scalars(old), _scalars(new), strict=True):
        if before is after:
            continue
        if isinstance(before, str) and isinstance(after, str):
            edits += _within(token.group(), token.start(), before, after)
        else:
            edits.append(Edit(token.start(), token.end(), json.dumps(after)))
    return edited(text, edits)


def original_places(edits: Sequence[Edit]) -> Callable[[int, int], tuple[int, int] | None]:
    """Where a stretch of the edited text comes from in the text before; None for what lies in one replacement.

    A stretch that begins or ends in a replacement takes in all that was replaced there.
    """
    # (begin and end in the new text, begin and end in the old one)
    shifts = [0, *accumulate(len(edit.text) - (edit.end - edit.start) for edit in edits)]
    places = [
        (edit.start + shift, edit.start + shift + len(edit.text), edit.start, edit.end)
        for edit, shift in zip(edits, shifts, strict=False)
    ]

    def of(start: int, end: int) -> tuple[int, int] | None:
        if any(begin <= start and end <= stop for begin, stop, _, _ in places):
            return None
        first = next((old for begin, stop, old, _ in places if begin <= start < stop), None)
        last = next((old for begin, stop, _, old in places if begin < end <= stop), None)
        if first is None:
            first = start - shifts[sum(stop <= start for _, stop, _, _ in places)]
        if last is None:
            last = end - shifts[sum(stop <= end for _, stop, _, _ in places)]
        return first, last

    return of


def _scalars(value: Any) -> Iterator[Any]:
    """Keys and leaves in the order in which a document writes them."""
    if isinstance(value, (dict, Pairs)):
        for key, item in pairs_of(value):
            yield key
            yield from _scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item)
    else:
        yield value


def _within(token: str, at: int, old: str, new: str) -> Iterator[Edit]:
    """The edits of a string's characters as edits of the letters that JSON writes for them."""
    edits = new.edits if isinstance(new, Edited) else (Edit(0, len(old), new),)
    inner = len(token) - 1
    places: Sequence[int] = range(1, inner + 1)
    if "\\" in token:
        places = [*(match.start() for match in _CHARACTER.finditer(token, 1, inner)), inner]
    escaped = "\\u" in token and token.isascii()
    for edit in edits:
        written = json.dumps(edit.text, ensure_ascii=escaped or _SURROGATE.search(edit.text) is not None)
        yield Edit(at + places[edit.start], at + places[edit.end], written[1:-1])
