"""Gives every pattern a time limit that ends in an error: Presidio would log it and lose the findings."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

from service.errors import ErrorItem, TuneGateError

# a sane pattern reads 100 kB to 100 MB in a second; the slowest stock one (URLs) about 300 kB on a busy machine
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
    return recognizer


def _limited(recognizer: PatternRecognizer, pattern: Pattern) -> Pattern:
    flags = recognizer.global_regex_flags
    compiled = pattern.compiled_regex
    if not compiled or pattern.compiled_with_flags != flags:
        compiled = regex.compile(pattern.regex, flags=flags)
    made = copy.copy(pattern)
    made.compiled_regex = _Limited(compiled, recognizer.name, pattern.name)
    made.compiled_with_flags = flags
    return made
