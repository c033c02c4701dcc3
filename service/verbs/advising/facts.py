"""facts: what a person is asked, and how a reply on a command line is read."""

from __future__ import annotations

from typing import Any

import msgspec

from service.advisor.knowledge import load_knowledge
from service.advisor.vocabulary import domain
from service.data import RuleFiles
from service.verbs.advising.translate import translation_of


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One fact as it is asked for: `choices` are (value, meaning)."""

    fact: str
    ask: str
    allowed: str
    choices: list[tuple[str, str]]
    measured_by: str | None
    dont_know: str
    dont_know_word: str


def question(rules: RuleFiles, fact: str, language: str) -> Question:
    """The question for a fact in a language."""
    knowledge = load_knowledge(rules)
    kind = knowledge.vocabulary[fact]
    words = translation_of(knowledge, language)
    told = words.facts.get(fact) if words else None
    labels = words.labels if words else {}
    choices = []
    for value in kind.values:
        meaning = told.values.get(value) if told else None
        choices.append((value, meaning or kind.meaning.get(value, "")))
    unknown = labels.get("don't know", "don't know")
    return Question(
        fact=fact,
        ask=told.ask if told else kind.ask,
        allowed=labels.get("yes or no", "yes or no") if kind.type == "flag" else domain(kind),
        choices=choices,
        measured_by=kind.measured_by,
        dont_know=f"? = {unknown}",
        dont_know_word=unknown,
    )


def coerced(name: str, value: str) -> Any:
    """A word of a command line as the value it stands for: lists by commas, yes and no, numbers; else the text.

    The vocabulary judges the value afterwards.
    """
    if name in {"scenario", "model.languages"}:
        return [one.strip() for one in value.split(",") if one.strip()]
    if value.lower() in {"yes", "true", "oo"}:
        return True
    if value.lower() in {"no", "false", "hindi"}:
        # "no" is a value of the fit facts, a reply everywhere else
        return value.lower() if name.startswith("fit.") else False
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value
