"""What a fix is, and the small readers and writers that fixes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from service.lint.check import Row

Data = dict[str, Any]


class Change(msgspec.Struct, frozen=True):
    """One change; `line` counts in the file that was read and is null for a whole file. It never holds text."""

    rule: str
    line: int | None
    pointer: str | None
    did: str


class RowFix(msgspec.Struct, frozen=True):
    """Mends the findings of one rule in a decoded row, which it changes, and yields where (JSON Pointers).

    It runs only on rows in which the rule's check finds something. `reveals` marks fixes of what hid a message from
    the other rules: what these then find was there before.
    """

    code: str
    did: str
    mend: Callable[[Row], Iterator[str]]
    reveals: bool = False


class DropRow(Exception):  # noqa: N818 - it is no error, it says what becomes of the row
    """Nothing is left to train on: the row is left out of the copy."""


def drop(row: Row) -> Iterator[str]:
    """The fix of rows that only leaving out can mend."""
    del row
    yield from ()
    raise DropRow


def message_list(row: Row) -> list[Any]:
    """The row's own list of messages, to be changed in place; an empty one when it has none."""
    found = row.data.get("messages")
    return found if isinstance(found, list) else []


def rename(data: Data, new_names: dict[str, str]) -> None:
    """Rename keys in place; the order of the keys stays."""
    items = [(new_names.get(key, key), value) for key, value in data.items()]
    data.clear()
    data.update(items)
