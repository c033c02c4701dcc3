"""The chain of tables: escalation, conflicts, target, and technique under the scenario matrix."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from service.advisor.engine import Facts, Match, collect, first_match, row_value
from service.advisor.knowledge import Knowledge
from service.advisor.matrix import SCENARIO, Matrix, asked_rows
from service.advisor.tables import Rule
from service.records.decision import TUNING_STEPS, Answer, FactValue, FailedOn, Rejected

NONE_FITS = "none-fits"
STEP, TARGET, TECHNIQUE = "chosen.step", "chosen.target", "chosen.technique"


class Outcome(msgspec.Struct, frozen=True):
    """What the chain came to: the answer, the missing facts, or the conflict; `facts` includes what was chosen.

    `deciding` are the rules behind the answer, in order of the chain.
    """

    answer: Answer | None
    deciding: list[Rule]
    unknown: list[str]
    conflicts: list[Rule]
    facts: dict[str, FactValue]


def settle(knowledge: Knowledge, facts: Facts, edition: str, *, ask: bool = True) -> Outcome:
    """Run the chain, no further than needed; facts of later tables are listed as soon as tuning is possible.

    With `ask` false the missing facts are not worked out: whoever only compares answers saves most of the time.
    """
    known = dict(facts)
    step = first_match(knowledge.tables["escalation"], known)
    tuning_only = step.possible.issubset(TUNING_STEPS) and all(then is not None for _, then in step.outcomes)
    conflicts = _conflicts(knowledge, known, step.possible) if tuning_only else []
    if conflicts:
        return Outcome(None, step.rules, [], conflicts, known)
    if not step.rules:
        unknown = _unknown(knowledge, known, edition, step) if ask else []
        return Outcome(None, [], unknown, [], known)
    known[STEP] = chosen = step.rules[0].then
    if chosen not in TUNING_STEPS:
        return Outcome(Answer(step=chosen), step.rules, [], [], known)
    target = first_match(knowledge.tables["target"], known)
    technique = _technique(knowledge, known, target, edition) if target.rules else None
    if technique is None or not technique.rules:
        unknown = _unknown(knowledge, known, edition, step) if ask else []
        return Outcome(None, step.rules, unknown, [], known)
    known[TARGET] = target.rules[0].then
    name, _, sharding = technique.rules[0].then.partition("+")
    known[TECHNIQUE] = name
    fits = name != NONE_FITS
    answer = Answer(
        step=chosen,
        technique=name if fits else None,
        sharding=(sharding or "none") if fits else None,
        target=target.rules[0].then,
    )
    return Outcome(answer, [*step.rules, *target.rules, *technique.rules], [], [], known)


def _conflicts(knowledge: Knowledge, facts: Facts, steps: frozenset[str]) -> list[Rule]:
    """The contradictions that stand whichever of the steps it will be; only steps that tune need a target."""
    found = [collect(knowledge.tables["conflicts"], {**facts, STEP: one})[0] for one in sorted(steps)]
    return found[0] if found and all(found) else []


def _unknown(knowledge: Knowledge, facts: Facts, edition: str, step: Match) -> list[str]:
    """Every fact that can still change the answer, those of earlier tables first; nobody is asked what is derived."""
    tuning = step.possible.intersection(TUNING_STEPS)
    refused = tuning if _conflicts(knowledge, facts, tuning) else frozenset()
    names = step.unknown_but(refused)
    if tuning and not refused:
        target = first_match(knowledge.tables["target"], facts)
        names += target.unknown
        for one in sorted(target.possible):
            names += first_match(knowledge.matrices[edition].technique, {**facts, TARGET: one}).unknown
    return [name for name in dict.fromkeys(names) if not knowledge.vocabulary[name].derived]


def _technique(knowledge: Knowledge, facts: Facts, target: Match, edition: str) -> Match:
    return first_match(knowledge.matrices[edition].technique, {**facts, TARGET: target.rules[0].then})


def matrix_rows(knowledge: Knowledge, facts: Facts, edition: str) -> list[Rule]:
    """The matrix rows of the asked scenarios, when the answer tunes."""
    scenarios = facts.get(SCENARIO)
    if facts.get(STEP) not in TUNING_STEPS or not isinstance(scenarios, list):
        return []
    return asked_rows(knowledge.matrices[edition].rows, scenarios)


def rejected(knowledge: Knowledge, outcome: Outcome, edition: str) -> list[Rejected]:
    """Every other answer of the tables that were read, with the rule and the cell that ruled it out."""
    if outcome.answer is None:
        return []
    found = [*_passed_over(knowledge.tables["escalation"].rules, outcome, outcome.answer.step)]
    if outcome.answer.step in TUNING_STEPS:
        matrix = knowledge.matrices[edition]
        found += _passed_over(knowledge.tables["target"].rules, outcome, str(outcome.answer.target))
        found += _passed_over(matrix.technique.rules, outcome, outcome.deciding[-1].then, matrix)
    return found


def _passed_over(
    rules: tuple[Rule, ...], outcome: Outcome, answer: str, matrix: Matrix | None = None
) -> Iterator[Rejected]:
    """One entry per other option: the matrix row that says no, the failed cell, or null where an earlier row won."""
    seen = {answer}
    for rule in rules:
        if rule.then in seen:
            continue
        vetoes = _vetoes(rule, outcome.facts, matrix)
        failed = vetoes or _failed(rule, outcome.facts)
        if failed is None and row_value(rule.tests, outcome.facts) is None:
            continue
        seen.add(rule.then)
        yield Rejected(rule.then, *failed) if failed else Rejected(rule.then, rule.id, None)


def _vetoes(rule: Rule, facts: Facts, matrix: Matrix | None) -> tuple[str, FailedOn] | None:
    scenarios = facts.get(SCENARIO)
    if matrix is None or not isinstance(scenarios, list):
        return None
    for one in scenarios:
        row = matrix.vetoes[rule.id].get(one)
        if row is not None:
            return row.id, FailedOn(SCENARIO, rule.cells[SCENARIO].text, scenarios)
    return None


def _failed(rule: Rule, facts: Facts) -> tuple[str, FailedOn] | None:
    for name, accepts in rule.tests:
        value = facts.get(name)
        if value is not None and not accepts(value):
            return rule.id, FailedOn(name, rule.cells[name].text, value)
    return None
