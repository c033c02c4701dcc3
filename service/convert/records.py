"""What every kind of file is read into: records one after the other."""

from __future__ import annotations

from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record: its line (its number, where a format has no lines), and what it holds or why it holds nothing."""

    line: int
    data: dict[str, Any] | None = None
    why: str | None = None
    blank: bool = False
