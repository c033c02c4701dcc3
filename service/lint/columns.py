"""The types of a row's columns, as Arrow sees them: a column of two types breaks the loader of local trainers."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from service.lint.check import kind
from service.lint.shape import pointer

# the keys from the top of the row; None stands for every position of a list
Column = tuple[str | None, ...]


def column_kinds(data: dict[str, Any]) -> dict[Column, set[str]]:
    """Column -> JSON types found in it, null aside."""
    found: dict[Column, set[str]] = {}
    for column, name in _walk(data):
        found.setdefault(column, set()).add(name)
    return found


def mixed(kinds: dict[Column, set[str]]) -> dict[Column, list[str]]:
    """The outermost columns of more than one type; what lies below them follows from them."""
    found: dict[Column, list[str]] = {}
    lengths: set[int] = set()
    for column in sorted(kinds, key=len):
        if len(kinds[column]) > 1 and not _within(column, found, lengths):
            found[column] = sorted(kinds[column])
            lengths.add(len(column))
    return found


def settled(kinds: dict[Column, set[str]]) -> Iterator[tuple[Column, str]]:
    """(column, type) of the columns of one type; what lies below a mixed one is left to it."""
    outer = mixed(kinds)
    lengths = set(map(len, outer))
    for column, (name, *more) in kinds.items():
        if not more and not _within(column, outer, lengths):
            yield column, name


def shown(column: Column) -> str:
    """A JSON Pointer with `*` for list positions; keys that may be text are not repeated."""
    return "".join("/*" if key is None else pointer(key) for key in column)


def _within(column: Column, outer: Container[Column], lengths: set[int]) -> bool:
    """Whether a column is one of `outer`, which have these lengths, or below one; there may be thousands of them."""
    return any(column[:length] in outer for length in lengths)


def _walk(data: dict[str, Any]) -> Iterator[tuple[Column, str]]:
    stack: list[tuple[Column, Any]] = [((key,), value) for key, value in data.items()]
    while stack:
        column, one = stack.pop()
        if one is None:
            continue
        yield column, kind(one)
        if isinstance(one, dict):
            stack += [((*column, key), below) for key, below in one.items()]
        elif isinstance(one, list):
            stack += [((*column, None), below) for below in one]


# what every row of tier 1 is made of, and what the weights of some add to it
PLAIN_CHAT = tuple(settled(column_kinds({"messages": [{"role": "user", "content": "Hi?"}]})))
PLAIN_WEIGHT = (("messages", None, "weight"), "number")
