"""The key that turns a found value into a mark which tells equal values and nothing else."""

from __future__ import annotations

import contextlib
import hmac
import os
import stat
from pathlib import Path

_NAME = "value.key"
_KEY_BYTES = 32
MARK_BYTES = 8
# how much of a mark is shown
SHOWN_DIGITS = 8


def value_key(home: Path) -> bytes:
    """The user's own key, made once in a file that only they can read; a random one where none can be kept.

    With the same key the marks of two reports can be held against each other; without it they say nothing about the
    values, not even to somebody who guesses them.
    """
    path = home / _NAME
    key = _read(path)
    if key is None:
        with contextlib.suppress(OSError):
            _make(path)
        key = _read(path)
    return key or os.urandom(_KEY_BYTES)


def mark_of(key: bytes, value: str) -> int:
    """64 bits of HMAC-SHA256 over a value as UTF-8."""
    digest = hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")
    return int.from_bytes(digest[:MARK_BYTES], "big")


def shown_mark(mark: int) -> str:
    """The first hex digits of a mark, as reports show it."""
    return f"{mark:0{2 * MARK_BYTES}x}"[:SHOWN_DIGITS]


def _read(path: Path) -> bytes | None:
    """The key, unless others could have read or written it."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or (os.name == "posix" and status.st_mode & 0o077):
            return None
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _make(path: Path) -> None:
    """Complete or absent, and never over a key that another process made meanwhile."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_NAME}.")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(os.urandom(_KEY_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
        os.link(name, path)
    finally:
        Path(name).unlink()
