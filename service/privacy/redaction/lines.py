"""Redacts lines of JSON: what holds nothing stays byte for byte, and so does what surrounds a place that goes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple

from service.privacy.fields import texts
from service.privacy.redaction.row import Redactor
from service.privacy.spelling import Edited, respelled

_TOO_DEEP = "nested too deeply"


class Unreadable(ValueError):  # noqa: N818
    """A line whose texts cannot be told, so that nobody can say what is in them. The text is the reason."""


class Change(NamedTuple):
    """`new` stands at the byte `start` of the redacted line, in place of `old`."""

    start: int
    new: str
    old: str


class Line(NamedTuple):
    """A line without its end; `changes` are in order, `counts` are replaced places by entity."""

    raw: bytes
    changes: list[Change]
    counts: Counter[str]


def redacted_line(raw: bytes, redactor: Redactor) -> Line:
    """One line redacted; a blank one stays.

    Raises:
        Unreadable: for what is no UTF-8, no JSON or nested beyond reading, and for an object that has a key twice.
    """
    if not raw.strip():
        return Line(raw, [], Counter())
    row = _read(raw)
    try:
        new, counts = redactor.redacted(row)
    except RecursionError:
        raise Unreadable(_TOO_DEEP) from None
    if new is row:
        return Line(raw, [], counts)
    text = raw.decode()
    written = respelled(text, row, new)
    return Line(written.encode(), _changes(text, written), counts)


def check_line(raw: bytes) -> None:
    """Raises Unreadable as `redacted_line`, without looking for anything."""
    if raw.strip():
        row = _read(raw)
        try:
            texts(row)
        except RecursionError:
            raise Unreadable(_TOO_DEEP) from None


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode(), object_pairs_hook=_distinct)
    except Unreadable:
        raise
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    except RecursionError:
        raise Unreadable(_TOO_DEEP) from None
    except json.JSONDecodeError:
        raise Unreadable("not JSON") from None
    except ValueError:
        raise Unreadable("a number of thousands of digits") from None


def _changes(text: str, written: str) -> list[Change]:
    changes, at, end = [], 0, 0
    for edit in written.edits if isinstance(written, Edited) else ():
        at += len(text[end : edit.start].encode())
        changes.append(Change(at, edit.text, text[edit.start : edit.end]))
        at += len(edit.text.encode())
        end = edit.end
    return changes


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("a key stands twice in one object")
    return found
