"""Keeps a scan alive: patterns get a time limit that ends in an error, and checks fail where they would end it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

from service.errors import ErrorItem, TuneGateError

# Presidio would log the end of its own limit and lose the findings. A sane pattern reads 100 kB to 100 MB in a second;
# the slowest stock one (URLs) about 300 kB on a busy machine
_SECONDS = 10.0
_CHARACTERS_PER_SECOND = 10_000


class _Limited:
    """A compiled pattern whose search ends in time."""

    def __init__(self, compiled: Any, recognizer: str, pattern: str) -> None:
        self._compiled = compiled
        self._recognizer = recognizer
        self._pattern = pattern

    def finditer(self, text: str, timeout: float | None = None) -> Iterator[Any]:
        """As the pattern's own, with our limit in place of `timeout`."""
        del timeout
        seconds = _SECONDS + len(text) / _CHARACTERS_PER_SECOND
        try:
            yield from self._compiled.finditer(text, timeout=seconds)
        except TimeoutError:
            raise TuneGateError(
                "invalid_input",
                "A recognizer's pattern takes too long.",
                errors=[
                    ErrorItem(
                        f"recognizer {self._recognizer!r}, pattern {self._pattern!r}",
                        f"no end after {seconds:.0f} s in a text of {len(text)} characters",
                        "a pattern whose time grows with the text",
                        "Write it without repeats inside repeats, such as (a+)+ or (a|a)*.",
                    )
                ],
            ) from None


def limit(recognizer: EntityRecognizer) -> EntityRecognizer:
    """The recognizer itself, its patterns replaced by limited copies (stock ones share theirs between instances)."""
    if type(recognizer).analyze is PatternRecognizer.analyze:
        recognizer.patterns = [_limited(recognizer, pattern) for pattern in recognizer.patterns]
    if (
        isinstance(recognizer, PatternRecognizer)
        and type(recognizer).validate_result is not PatternRecognizer.validate_result
    ):
        recognizer.validate_result = _surviving(recognizer.validate_result)
    return recognizer


def _surviving(validate: Callable[[str], bool | None]) -> Callable[[str], bool | None]:
    """A check that fails on what it cannot read: stock ones end a scan on a digit that int() does not know."""

    def surviving(text: str) -> bool | None:
        try:
            return validate(text)
        except Exception:  # noqa: BLE001  # whatever a checksum does with signs it does not know
            return False

    return surviving


def _limited(recognizer: PatternRecognizer, pattern: Pattern) -> Pattern:
    flags = recognizer.global_regex_flags
    compiled = pattern.compiled_regex
    if not compiled or pattern.compiled_with_flags != flags:
        compiled = regex.compile(pattern.regex, flags=flags)
    made = copy.copy(pattern)
    made.compiled_regex = _Limited(compiled, recognizer.name, pattern.name)
    made.compiled_with_flags = flags
    return made
