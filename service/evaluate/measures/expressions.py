"""Regular expressions of an evaluation set, run for a bounded time: its writer may be a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

_MOST_CHARACTERS = 2_000
# for one expression on one answer; honest ones take microseconds
_SECONDS = 0.5
# expressions of one evaluation that may run out of time; after them none is run
_MOST_SLOW = 20


# the expressions that ran out of time in the evaluation that is being measured
_slow: ContextVar[set[str] | None] = ContextVar("slow", default=None)


@contextmanager
def waiting_once() -> Iterator[None]:
    """While the block runs, each expression that runs too long is waited for once, and only so many are."""
    token = _slow.set(set())
    try:
        yield
    finally:
        _slow.reset(token)


def matches(pattern: str, text: str, *, whole: bool = True) -> bool | None:
    """Whether the whole text (or any part of it) matches; None where the expression cannot be judged."""
    expression = _compiled(pattern)
    slow = _slow.get()
    if expression is None or (slow is not None and (pattern in slow or len(slow) >= _MOST_SLOW)):
        return None
    match = expression.fullmatch if whole else expression.search
    try:
        return match(text, timeout=_SECONDS) is not None
    except (TimeoutError, RecursionError, MemoryError):
        if slow is not None:
            slow.add(pattern)
        return None


def unusable(pattern: str) -> bool:
    """Whether a text is no regular expression that is run here."""
    return _compiled(pattern) is None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    import regex

    if len(pattern) > _MOST_CHARACTERS:
        return None
    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError, MemoryError, ValueError):
        return None
