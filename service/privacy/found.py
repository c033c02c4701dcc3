"""What a scan says of one place in a text, and what it did not look for."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """One finding: characters `start` to `end` (excluded) of the scanned text. Never the value itself."""

    entity: str
    start: int
    end: int
    score: float
    recognizer: str


class Unscanned(NamedTuple):
    """Something that this scan does not look for, or does in another way than usual, and why."""

    what: str
    why: str
