"""The values that were found in one conversation, and where else in it they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from service.privacy.escapes import plain
from service.privacy.redaction.spans import Span

# a shorter value ("v1", "::") is also many other things
_LEAST = 5
_LEAST_DIGITS = 7
_MOST_GROUPS = 8
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"[0-9]+")
_PUNCTUATED = re.compile(r"[0-9\s().+/\u00a0\u2010-\u2015-]+\Z")
_NONE: Mapping[tuple[int, int], Mapping[str, str]] = {}
_BETWEEN_GROUPS = re.compile(r"[ .()/\u00a0\u2010-\u2015-]{1,2}\Z")


def alike(value: str) -> str:
    """What is equal for two spellings of one value: escapes read, letters in any case, numbers however grouped."""
    value = plain(value)
    if _PUNCTUATED.match(value):
        digits = "".join(_DIGITS.findall(value))
        if len(digits) >= _LEAST_DIGITS:
            return digits
    return value.casefold()


class Values:
    """Values by what is alike; the surest finding of a value says what it is."""

    def __init__(self) -> None:
        self._surest: dict[str, tuple[float, str]] = {}
        # first word of a value -> (where it begins in the value, length of the value) -> the value -> what is alike;
        # ten thousand addresses may begin with one word, but they have few lengths
        self._by_word: dict[str, dict[tuple[int, int], dict[str, str]]] = {}

    def add(self, value: str, entity: str, score: float) -> None:
        """Take note of a finding."""
        value = plain(value)
        key = alike(value)
        known = self._surest.get(key)
        if known is None or known[0] < score:
            self._surest[key] = (score, entity)
        folded = value.casefold()
        words = list(_WORD.finditer(folded))
        if sum(len(word.group()) for word in words) >= _LEAST:
            shapes = self._by_word.setdefault(words[0].group(), {})
            shapes.setdefault((words[0].start(), len(folded)), {})[folded] = key

    def entity(self, value: str) -> str:
        """What a value that was added is."""
        return self._surest[alike(value)][1]

    def places(self, text: str) -> Iterator[Span]:
        """Where the values stand as words of their own; their score says nothing."""
        # a few letters fold to two, and every place behind them would be another
        yield from self._spelled_alike(
            next(one for one in (text.casefold(), text.lower(), text) if len(one) == len(text))
        )
        yield from self._same_digits(text)

    def _spelled_alike(self, folded: str) -> Iterator[Span]:
        for word in _WORD.finditer(folded):
            for (offset, length), alike_by_value in self._by_word.get(word.group(), _NONE).items():
                start = word.start() - offset
                end = start + length
                key = alike_by_value.get(folded[start:end]) if start >= 0 else None
                if key is not None and not _joined(folded, end):
                    yield Span(start, end, self._surest[key][1], 0.0)

    def _same_digits(self, text: str) -> Iterator[Span]:
        groups = list(_DIGITS.finditer(text))
        for number, first in enumerate(groups):
            if _joined(text, first.start()):
                continue
            digits = ""
            for last in range(number, min(number + _MOST_GROUPS, len(groups))):
                if last > number and not _BETWEEN_GROUPS.match(text, groups[last - 1].end(), groups[last].start()):
                    break
                digits += groups[last].group()
                end = groups[last].end()
                if len(digits) >= _LEAST_DIGITS and digits in self._surest and not _joined(text, end):
                    yield Span(first.start(), end, self._surest[digits][1], 0.0)


def _joined(text: str, place: int) -> bool:
    """Whether a letter or digit stands on both sides."""
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()
