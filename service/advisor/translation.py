"""A language laid over the rules: questions, labels and reasons; what it lacks stays English."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from service.advisor import rulefile
from service.errors import ErrorItem


class FactWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and the names of its values."""

    ask: str
    values: dict[str, str] = {}


class Translation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One language; `notice` goes into everything rendered from it."""

    language: str
    notice: str
    labels: dict[str, str] = {}
    facts: dict[str, FactWords] = {}
    rules: dict[str, str] = {}


def load_translation(file: str, content: bytes, errors: list[ErrorItem]) -> Translation:
    """The file; an empty language, and the mistakes in `errors`, when it cannot be used."""
    found = rulefile.convert(file, rulefile.parse(file, content, errors), Translation, errors)
    return found if found is not None else Translation(language="", notice="")


def missing(translation: Translation, facts: dict[str, list[str]], rules: list[str]) -> Iterator[str]:
    """What has no words yet, and words for what does not exist; `facts` maps a fact to its values."""
    for name, values in facts.items():
        words = translation.facts.get(name)
        if words is None:
            yield f"no question for {name}"
            continue
        yield from (f"no word for {name} = {value}" for value in values if value not in words.values)
        yield from (f"{name} has no value {value!r}" for value in words.values if value not in values)
    yield from (f"no reason for {rule}" for rule in rules if rule not in translation.rules)
    yield from (f"no fact named {name!r}" for name in translation.facts if name not in facts)
