"""The languages of a sample of rows: those with the lowest hashes, so that any cut of the data takes the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from heapq import nsmallest
from typing import Any, NamedTuple

import msgspec

from service.errors import missing_extra

SAMPLE = 1_000
# shorter texts are guessed too often
_SHORTEST, _LONGEST = 40, 200
_SURE = 0.99


class Looked(NamedTuple):
    """A row that was looked at: its line, its language, and whether the answer is surely in another one."""

    line: int
    language: str
    differs: bool


class Said(NamedTuple):
    """What a row says: its line, a hash of its keys, what is asked and what is answered; `other` is what tools say."""

    line: int
    key: int
    asked: str
    answered: str
    other: str = ""

    @property
    def text(self) -> str:
        return f"{self.asked} {self.answered}"


class LanguageCounts(msgspec.Struct, frozen=True):
    """Rows by ISO 639-1 code, and how many have an answer in another language than the question.

    `first` is the line of the first of these, counted from 0 over all training files.
    """

    rows: dict[str, int] = {}
    differing: int = 0
    first: int | None = None

    @property
    def looked_at(self) -> int:
        """Rows in the sample."""
        return sum(self.rows.values())


class LanguageSample:
    """The rows with the lowest hashes among those seen, at most `most`; equal rows count once."""

    def __init__(self, most: int | None = None) -> None:
        self.most = SAMPLE if most is None else most
        self.rows: dict[int, Looked] = {}

    def add(self, rows: Iterable[Said]) -> None:
        """Take the next rows into the sample; only what is taken is classified."""
        new: dict[int, Said] = {}
        for row in rows:
            if row.key not in self.rows and len(row.asked) + len(row.answered) >= _SHORTEST:
                new.setdefault(row.key, row)
        taken = self._lowest([*self.rows, *new])
        self.rows = {key: self.rows.get(key) or _looked(new[key]) for key in taken}

    def merge(self, later: LanguageSample, lines: int) -> None:
        """Add the sample of the stretch that begins `lines` lines later."""
        moved = {key: one._replace(line=one.line + lines) for key, one in later.rows.items()}
        both = moved | self.rows
        self.rows = {key: both[key] for key in self._lowest(both)}

    def counts(self) -> LanguageCounts:
        """What the sample says."""
        languages = Counter(one.language for one in self.rows.values())
        differing = [one.line for one in self.rows.values() if one.differs]
        ordered = sorted(languages.items(), key=lambda item: (-item[1], item[0]))
        return LanguageCounts(dict(ordered), len(differing), min(differing, default=None))

    def _lowest(self, keys: Iterable[int]) -> list[int]:
        return nsmallest(self.most, keys)


@lru_cache
def identifier() -> Any:
    """The classifier; its model comes with the library.

    Raises:
        TuneGateError: `missing_extra` where the library is not installed.
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise missing_extra("languages", "Telling languages", error) from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str:
    """The ISO 639-1 code that a text's beginning is taken for."""
    return _language(text)[0]


def _looked(row: Said) -> Looked:
    language, _ = _language(row.text)
    if min(len(row.asked), len(row.answered)) < _SHORTEST:
        return Looked(row.line, language, differs=False)
    (asked, sure), (answered, as_sure) = _language(row.asked), _language(row.answered)
    return Looked(row.line, language, differs=asked != answered and min(sure, as_sure) >= _SURE)


def _language(text: str) -> tuple[str, float]:
    code, probability = identifier().classify(text[:_LONGEST].encode("utf-8", "replace").decode())
    return str(code), float(probability)
