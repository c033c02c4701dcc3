"""Right or wrong: exact match, and multiple choice by letter or by text."""

from __future__ import annotations

import re

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.measure import RowMeasure, said, wants_expected

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# "B", "(b)", "B.", "B) Paris": one letter by itself, or set off from the text after it; "A cat" names no letter
_FIRST = re.compile(r"\W{0,4}(?:([A-Za-z])\W{0,4}$|([A-Za-z])[).:](?=\s))")
# "the answer is B", "Answer: (C)", and in Tagalog "ang sagot ay B"
_NAMED = re.compile(r"\b(?:answer|sagot)\b(?:\s+(?:is|ay))?\W{1,4}([A-Z])(?=[).:,*]|\s*$)", re.IGNORECASE)


def exact_match(row: EvaluationRow, answer: Answer) -> float:
    """1 where the texts are equal but for space around them."""
    return float(said(answer) == (row.expected or "").strip())


def choice_accuracy(row: EvaluationRow, answer: Answer) -> float:
    """1 where the answer picks the right choice, by its text or its letter (A is the first)."""
    return float(picked(said(answer), row.choices or []) == row.right)


def picked(text: str, choices: list[str]) -> int | None:
    """Which choice a text picks: it is one, begins with or names its letter, or holds exactly one of them."""
    plain = [_plain(one) for one in choices]
    whole = _plain(text)
    if whole in plain:
        return plain.index(whole)
    first = _FIRST.match(text)
    if first:
        return _place(first[1] or first[2], len(choices))
    named = _NAMED.findall(text)
    if named and len(set(named)) == 1:
        return _place(named[0], len(choices))
    held = [i for i, one in enumerate(plain) if one and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", whole)]
    return held[0] if len(held) == 1 else None


def _place(letter: str, choices: int) -> int | None:
    place = _LETTERS.index(letter.upper())
    return place if place < choices else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .")


MEASURES = (
    RowMeasure(
        name="exact_match", what="the answer is the expected one, but for space around it",
        asks=wants_expected, score=exact_match, share=True, of_nodes=True,
    ),
    RowMeasure(
        name="choice_accuracy", what="the answer picks the right choice, by its letter or its text",
        asks=lambda row: bool(row.choices) and row.right is not None, score=choice_accuracy, share=True, of_nodes=True,
    ),
)  # fmt: skip
