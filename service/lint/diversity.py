"""How much the answers of a corpus resemble each other: distinct-2 and compression ratio of a sample of them.

The rows with the lowest hashes are the sample, so any cut of the data takes the same ones. Of scripts without spaces
words cannot be told, and a corpus in which many answers are written so is not measured.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from heapq import nsmallest
from itertools import pairwise

import msgspec

FILE = "lint-diversity.toml"
SAMPLE = 250
# of each answer; longer ones would outweigh the others, and fewer words are a class or a short reply
_CHARACTERS, _WORDS, _FEWEST_WORDS = 400, 60, 8
_FEWEST_ANSWERS = 100
_MOST_UNSPACED = 0.2
_LEVEL = 6
# Thai, Lao, Tibetan and Burmese; Khmer; kana and Chinese; the same in other planes and widths
_UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_WORD = re.compile(r"[^\W_]+")
# (hash of the prompt, hash of the answer)
Rank = tuple[int, int]
_LAST: Rank = (1 << 64, 0)


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with where it comes from."""

    value: float
    source: str
    read_on: str


class DiversityLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least distinct-2 and the largest compression ratio about which nothing is said; None where none was given."""

    distinct_2: Threshold | None = None
    compression_ratio: Threshold | None = None


class Diversity(msgspec.Struct, frozen=True):
    """Of the first words of so many answers: different pairs of words per pair, and bytes per packed byte."""

    answers: int
    distinct_2: float
    compression_ratio: float


class AnswerSample:
    """The beginnings of the answers with the lowest ranks among those seen, at most `most`; equal rows count once."""

    def __init__(self, most: int | None = None) -> None:
        self._most = SAMPLE if most is None else most
        self._texts: dict[Rank, str] = {}
        self._below = _LAST

    def takes(self, rank: Rank) -> bool:
        """Whether a row of this rank may still be one of the lowest."""
        return rank < self._below and rank not in self._texts

    def add(self, rank: Rank, answer: str) -> None:
        """The last answer of a row."""
        if not self.takes(rank):
            return
        self._texts[rank] = answer[:_CHARACTERS]
        if len(self._texts) > 2 * self._most:
            self._cut()

    def chats(self, prompts: Sequence[int], answers: Sequence[int], contents: Sequence[Sequence[str]]) -> None:
        """The last texts of many conversations, with their hashes."""
        last = self._below[0]
        for place in [place for place, prompt in enumerate(prompts) if prompt <= last]:
            self.add((prompts[place], answers[place]), contents[place][-1])

    def merge(self, other: AnswerSample) -> None:
        """Add the sample of another stretch."""
        self._below = min(self._below, other._below)
        for rank, text in other._texts.items():
            self.add(rank, text)

    def texts(self) -> list[str]:
        """The beginnings, by rank."""
        if len(self._texts) > self._most:
            self._cut()
        return [text for rank, text in sorted(self._texts.items()) if rank < self._below]

    def _cut(self) -> None:
        kept = nsmallest(self._most, self._texts)
        self._texts = {rank: self._texts[rank] for rank in kept}
        prompt, answer = kept[-1]
        self._below = min(self._below, (prompt, answer + 1))


def diversity(texts: Sequence[str]) -> Diversity | None:
    """The figures of some texts, the longer ones of which count; None where these are few, or words cannot be told."""
    spaced = [text for text in texts if not _UNSPACED.search(text)]
    if len(texts) - len(spaced) > _MOST_UNSPACED * len(texts):
        return None
    said = [words for text in spaced if len(words := _WORD.findall(text.casefold())[:_WORDS]) >= _FEWEST_WORDS]
    if len(said) < _FEWEST_ANSWERS:
        return None
    pairs = [pair for words in said for pair in pairwise(words)]
    written = "\n".join(map(" ".join, said)).encode("utf-8", "replace")
    return Diversity(
        answers=len(said),
        distinct_2=round(len(set(pairs)) / len(pairs), 4),
        compression_ratio=round(len(written) / len(zlib.compress(written, _LEVEL)), 2),
    )
