"""A second, slower reading of a line of JSON, for what the fast one does not tell: where something stands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from service.lint.shape import pointer

_DECODER = json.JSONDecoder()
_BRACKETS = re.compile(rb"[\[\]{}][\[\]{},\s]*")
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*+"\s*:')
# an object or a text; of a lone number or word it is not known what it was
_VALUES = (b"{", b'"')


class _Twins(dict[str, Any]):
    """An object in which keys stand twice."""

    keys_twice: tuple[str, ...] = ()


class _NoNumber:
    """What NaN and Infinity were read as."""


def twins(raw: bytes) -> list[tuple[str, str]]:
    """(JSON Pointer, key) of every key that stands twice in its object; none where the line cannot be read so."""
    return [
        (f"{place}{pointer(key)}", key)
        for place, one in _walk(_read(raw, object_pairs_hook=_with_twins))
        if isinstance(one, _Twins)
        for key in one.keys_twice
    ]


def no_numbers(raw: bytes) -> list[str]:
    """JSON Pointers of NaN and Infinity literals; none where these are not all that is wrong with a line."""
    found = _read(raw, parse_constant=lambda _: _NoNumber())
    return [place for place, one in _walk(found) if isinstance(one, _NoNumber)]


def several_objects(raw: bytes) -> bool:
    """Whether a whole object is followed by another one."""
    try:
        text = raw.decode().strip()
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and text[end:].lstrip(" ,\t\r").startswith("{")


def is_piece(raw: bytes) -> bool:
    """Whether a line that is not JSON is one of a row printed over several lines, or of an array of rows."""
    text = raw.strip()
    if _BRACKETS.fullmatch(text) or _KEY.match(text):
        return True
    return text != (inner := text.strip(b"[], \t")) and inner[:1] in _VALUES and _is_json(inner)


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _with_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    made = _Twins(found)
    made.keys_twice = tuple(sorted(key for key, count in Counter(key for key, _ in pairs).items() if count > 1))
    return made


def _read(raw: bytes, **hooks: Any) -> Any:
    try:
        return json.loads(raw, **hooks)
    except (ValueError, RecursionError):
        return None


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """(JSON Pointer, value) of everything, in order."""
    stack = [("", value)]
    while stack:
        place, one = stack.pop()
        yield place, one
        below: list[tuple[str, Any]] = []
        if isinstance(one, dict):
            below = [(f"{place}{pointer(key)}", found) for key, found in one.items()]
        elif isinstance(one, list):
            below = [(f"{place}/{i}", found) for i, found in enumerate(one)]
        stack += reversed(below)
