"""translate: a decision in another language; ids, values and answers stay what they are."""

from __future__ import annotations

import msgspec

from service.advisor.knowledge import Knowledge, load_knowledge
from service.advisor.translation import Translation
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.decision import Caution, Decision
from service.verbs.advising.filled import filled
from service.verbs.advising.text import Words

ENGLISH = "en"


def languages(rules: RuleFiles) -> list[str]:
    """Every language there are words for."""
    return [ENGLISH, *load_knowledge(rules).translations]


def preferred(accepted: str, rules: RuleFiles) -> str:
    """The first known language of an Accept-Language header, by its weights; English otherwise."""
    known = languages(rules)
    wanted = []
    for part in accepted.split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    # fil and tl name the same language
    names = ["tl" if name == "fil" else name for rank, name in sorted(wanted, key=lambda one: one[0]) if rank < 0]
    return next((name for name in names if name in known), ENGLISH)


def translation_of(knowledge: Knowledge, language: str) -> Translation | None:
    """The words of a language, None for English.

    Raises:
        TuneGateError: `invalid_input` for a language without words.
    """
    if language == ENGLISH:
        return None
    if language not in knowledge.translations:
        known = [ENGLISH, *knowledge.translations]
        error = ErrorItem("lang", language[:20], ", ".join(known), suggestion(language, known) or None)
        raise TuneGateError("invalid_input", "There are no words for this language.", errors=[error])
    return knowledge.translations[language]


def translated(decision: Decision, rules: RuleFiles, language: str) -> tuple[Decision, Words]:
    """The record with questions and main reasons in a language, and the words to render it with.

    The record itself is never changed: id and values are the same, and the language's notice joins the cautions.
    """
    knowledge = load_knowledge(rules)
    words = translation_of(knowledge, language)
    if words is None:
        return decision, Words()
    facts = {fact.name: fact.value for fact in decision.facts}
    because = [
        msgspec.structs.replace(one, why=filled(words.rules[one.rule], facts)) if one.rule in words.rules else one
        for one in decision.because
    ]
    unknown = [
        msgspec.structs.replace(one, ask=words.facts[one.fact].ask) if one.fact in words.facts else one
        for one in decision.unknown
    ]
    notice = Caution(f"translations/{language}", words.notice, "low")
    shown = msgspec.structs.replace(decision, because=because, unknown=unknown, cautions=[notice, *decision.cautions])
    return shown, Words(words)
