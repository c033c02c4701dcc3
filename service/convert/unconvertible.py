"""Why a row cannot be converted."""

from __future__ import annotations

from typing import Any

import msgspec


class Unconvertible(Exception):  # noqa: N818
    """A sentence that holds no text of the row, and where in the row (a JSON Pointer)."""

    def __init__(self, why: str, pointer: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.pointer = pointer


def parsed(text: str, otherwise: str, pointer: str) -> Any:
    """The JSON in a string, else `otherwise` is why not."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        raise Unconvertible(otherwise, pointer) from None
