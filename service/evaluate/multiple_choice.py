"""Rows of multiple-choice files in the forms that public sets have, and the question as a model is asked it.

Forms: `question`, `choices` (a list), `answer` (place from 0, letter or text), as in cais/mmlu; with `options`
and `answer_index`, as in TIGER-Lab/MMLU-Pro; `question`, `choices` with `text` and `label`, `answerKey`, as in
allenai/ai2_arc and tau/commonsense_qa; `question_stem` instead, as in allenai/openbookqa; `question` with `stem` and
`choices` of `text` and `label`, as in ARC's own files.
"""

from __future__ import annotations

import string
from typing import Any

import msgspec

LETTERS = string.ascii_uppercase
FORMS = (
    "question + choices + answer, question + options + answer_index, question (or question_stem) + choices "
    "{text, label} + answerKey, question {stem, choices} + answerKey"
)
_ASKED = "Answer with the letter of the right choice only."


class Question(msgspec.Struct, frozen=True):
    """A question, its choices and the place of the right one (None where the file does not say)."""

    text: str
    choices: list[str]
    right: int | None


class UnreadableQuestion(ValueError):  # noqa: N818 - it names a property of the row
    """Why a row is no question; without a word of the row."""


def looks_like_one(row: dict[str, Any]) -> bool:
    """Whether a row is meant as a multiple-choice question."""
    return "messages" not in row and ("question" in row or "question_stem" in row)


def read_question(row: dict[str, Any]) -> Question:
    """The question of a row.

    Raises:
        UnreadableQuestion: with the reason.

    """
    asked: Any = row.get("question", row.get("question_stem"))
    listed: Any = row.get("choices", row.get("options"))
    if isinstance(asked, dict):
        asked, listed = asked.get("stem"), asked.get("choices", listed)
    if not isinstance(asked, str) or not asked.strip():
        raise UnreadableQuestion("the question is no text")
    texts, labels = _choices(listed)
    if not 2 <= len(texts) <= len(LETTERS):
        raise UnreadableQuestion(f"{len(texts)} choices; there are 2 to {len(LETTERS)}")
    return Question(asked, texts, _right(row, texts, labels))


def as_messages(question: Question) -> list[dict[str, Any]]:
    """The question as one message, its choices under letters."""
    return [{"role": "user", "content": with_choices(question.text, question.choices)}]


def with_choices(asked: str, choices: list[str]) -> str:
    """A question with its choices below it."""
    listed = "\n".join(f"{LETTERS[n]}. {choice}" for n, choice in enumerate(choices))
    return f"{asked}\n\n{listed}\n\n{_ASKED}"


def _choices(listed: Any) -> tuple[list[str], list[str]]:
    """(texts, labels)."""
    texts: Any = listed
    labels: Any = None
    if isinstance(listed, dict):
        texts, labels = listed.get("text"), listed.get("label")
    elif isinstance(listed, list) and listed and all(isinstance(one, dict) for one in listed):
        texts, labels = [one.get("text") for one in listed], [one.get("label") for one in listed]
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise UnreadableQuestion("the choices are no list of texts")
    if labels is None:
        labels = list(LETTERS[: len(texts)])
    if not isinstance(labels, list) or len(labels) != len(texts) or not all(isinstance(one, str) for one in labels):
        raise UnreadableQuestion("the choices have other labels than texts")
    return texts, labels


def _right(row: dict[str, Any], texts: list[str], labels: list[str]) -> int | None:
    index = row.get("answer_index", row.get("answer"))
    key = row.get("answerKey", row.get("answer"))
    if isinstance(index, int) and not isinstance(index, bool):
        if 0 <= index < len(texts):
            return index
        raise UnreadableQuestion(f"the answer is choice {index} of {len(texts)}, counted from 0")
    if key is None or key == "":
        return None
    if isinstance(key, str):
        wanted = key.strip()
        for names in (labels, list(LETTERS[: len(texts)]), texts):
            if names.count(wanted) == 1:
                return names.index(wanted)
    raise UnreadableQuestion("the answer is none of the choices")
