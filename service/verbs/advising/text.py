"""advise, on one screen of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from service.advisor.translation import Translation
from service.records.decision import Answer, Decision, FactValue, Rejected, WouldChange

# what one screen holds; Markdown, HTML and JSON have the rest
_CHANGES, _MODELS = 8, 3
_MAY = "May also apply"
# matrix rows and evidence stand beside the rules that decided
_BESIDE = ("SCN-", "WHY-")


class Words:
    """The words around a record, in the language asked for; what it lacks stays English."""

    def __init__(self, translation: Translation | None = None) -> None:
        self._labels = translation.labels if translation else {}
        self._facts = translation.facts if translation else {}

    def __call__(self, word: str) -> str:
        return self._labels.get(word, word)

    def value(self, fact: str, value: FactValue) -> str:
        """A fact's value in words."""
        if isinstance(value, bool):
            return self("yes") if value else self("no")
        known = self._facts[fact].values if fact in self._facts else {}
        if isinstance(value, list):
            return ", ".join(known.get(one, one) for one in value)
        return known.get(value, value) if isinstance(value, str) else f"{value:g}"


def text(decision: Decision, words: Words | None = None) -> str:
    """One screen: the answer, why, what was passed over, what would change it, what is still to be asked."""
    return "\n".join(_lines(decision, words or Words()))


def _lines(decision: Decision, say: Words) -> Iterator[str]:
    yield (
        f"{say('decision')} {decision.id[:12]} ({say('rules')} {decision.rules_revision[:12]}, "
        f"{say('edition')} {decision.edition})"
    )
    yield f"  {answer_text(decision.answer, say)}"
    beside = [one.rule for one in decision.because if one.rule.startswith(_BESIDE)]
    for one in decision.because:
        if one.rule not in beside:
            yield f"  {say('because')} {one.rule}: {one.why} [{', '.join(one.cite)}]"
    for said in decision.evidence:
        yield f"  {say('measured')}: {said.says} [{said.record[:12]}]"
    if beside:
        yield f"  {say('beside them')}: {', '.join(beside)} (tunegate explain {beside[0]})"
    if decision.rejected:
        passed = "; ".join(f"{say(one.option)} ({_briefly(one, say)})" for one in decision.rejected)
        yield _wrapped(f"{say('passed over')}: {passed}")
    if decision.would_change:
        yield f"  {say('would change it')}:"
        yield from (f"    {change_text(change, say)}" for change in decision.would_change[:_CHANGES])
        if len(decision.would_change) > _CHANGES:
            yield f"    {say('more changes')}: {len(decision.would_change) - _CHANGES} (--format markdown)"
    yield from _warnings(decision, say)
    yield from (f"  {say('missing')} {one.fact}: {one.ask}" for one in decision.unknown)


def _warnings(decision: Decision, say: Words) -> Iterator[str]:
    certain = [one for one in decision.cautions if not one.text.startswith(_MAY)]
    yield from (f"  {say('caution')} ({say(one.severity)}) {one.rule}: {one.text}" for one in certain)
    if len(certain) < len(decision.cautions):
        rest = ", ".join(one.rule for one in decision.cautions if one.text.startswith(_MAY))
        yield _wrapped(f"{say('may also apply')}: {rest}")
    for cell in decision.editions_disagree:
        values = ", ".join(f"{edition}: {say(value)}" for edition, value in cell.values.items())
        changes = say("and the answer changes with it") if cell.changes_answer else say("the answer stays")
        yield f"  {say('editions disagree')}: {cell.technique}, {cell.scenario} ({values}); {changes}"
    for model in decision.models[:_MODELS]:
        warned = f" ({'; '.join(model.warnings)})" if model.warnings else ""
        yield f"  {say('model')} {model.id}: {model.reasons[0]}{warned}"
    yield from (f"  {say('stale')} {one.rule} ({one.review_by}): {one.text}" for one in decision.stale)


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 118, initial_indent="  ", subsequent_indent="    ")


def answer_text(answer: Answer | None, say: Words | None = None) -> str:
    """The answer in words."""
    words = say or Words()
    if answer is None:
        return words("no answer yet: facts are missing")
    technique = words(answer.technique) if answer.technique else None
    if answer.target and not technique:
        technique = words("no technique fits")
    sharding = answer.sharding if answer.sharding not in {None, "none"} else None
    where = f"{words('on')} {words(answer.target)}" if answer.target else None
    return ", ".join(part for part in [words(answer.step), technique, sharding, where] if part)


def _briefly(one: Rejected, say: Words) -> str:
    if one.failed_on is None:
        return one.rule
    return f"{one.rule}: {one.failed_on.fact} = {say.value(one.failed_on.fact, one.failed_on.value)}"


def why_not(one: Rejected, say: Words) -> str:
    """The rule, and the fact that failed it."""
    if one.failed_on is None:
        return f"{one.rule} ({say('an earlier row already answers')})"
    fact = one.failed_on.fact
    return f"{one.rule} ({fact} = {say.value(fact, one.failed_on.value)}, {say('needed')}: {one.failed_on.test})"


def change_text(change: WouldChange, say: Words) -> str:
    """One counterfactual."""
    if change.answer is not None:
        then = answer_text(change.answer, say)
    else:
        then = say("the facts would contradict each other") if change.rule else say("more would have to be asked")
    rule = f" [{change.rule}]" if change.rule else ""
    return f"{change.fact} = {say.value(change.fact, change.nearest)} -> {then}{rule}"
