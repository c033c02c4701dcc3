"""The key that turns a found value into a mark which tells equal values and nothing else."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from service.secret_file import KEY_BYTES, kept_key

_NAME = "value.key"
MARK_BYTES = 8
# how much of a mark is shown
SHOWN_DIGITS = 8


def value_key(home: Path) -> bytes:
    """The user's own key, made once in a file that only they can read; a random one where none can be kept.

    With the same key the marks of two reports can be held against each other; without it they say nothing about the
    values, not even to somebody who guesses them.
    """
    return kept_key(home / _NAME) or os.urandom(KEY_BYTES)


def mark_of(key: bytes, value: str) -> int:
    """64 bits of HMAC-SHA256 over a value as UTF-8."""
    digest = hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")
    return int.from_bytes(digest[:MARK_BYTES], "big")


def shown_mark(mark: int) -> str:
    """The first hex digits of a mark, as reports show it."""
    return f"{mark:0{2 * MARK_BYTES}x}"[:SHOWN_DIGITS]
