"""The chain of tables: escalation, conflicts, target, and technique under the scenario matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from service.advisor.engine import Facts, Match, collect, first_match, row_value
from service.advisor.knowledge import CONFLICT, Knowledge
from service.advisor.matrix import SCENARIO, Matrix, asked_rows
from service.advisor.tables import Rule, Table
from service.records.decision import TUNING_STEPS, Answer, FactValue, FailedOn, Rejected

NONE_FITS = "none-fits"
STEP, TARGET, TECHNIQUE = "chosen.step", "chosen.target", "chosen.technique"


class Outcome(msgspec.Struct, frozen=True):
    """What the chain came to: the answer, the missing facts, or the conflict; `facts` includes what was chosen.

    `deciding` are the rules behind the answer, in order of the chain; `matches` what each table said.
    """

    answer: Answer | None
    deciding: list[Rule]
    unknown: list[str]
    conflicts: list[Rule]
    facts: dict[str, FactValue]
    matches: dict[str, Match] = {}


class Moved(msgspec.Struct, frozen=True):
    """One fact of a settled outcome was changed: tables that neither test it nor what changed with it stay as said."""

    name: str
    before: Outcome

    def match(self, table: Table, facts: Facts) -> Match | None:
        """What the table said before, if it would say it again."""
        same = self.name not in table.axes and all(
            facts.get(one) == self.before.facts.get(one) for one in (STEP, TARGET) if one in table.axes
        )
        return self.before.matches.get(table.head.id) if same else None


def settle(knowledge: Knowledge, facts: Facts, edition: str, *, moved: Moved | None = None) -> Outcome:
    """Run the chain, no further than needed; facts of later tables are listed as soon as tuning is possible.

    For a `moved` fact the missing facts are not worked out: whoever compares answers need not know what to ask.
    """
    known = dict(facts)
    step = _match(knowledge.tables["escalation"], known, moved)
    if not step.rules:
        return _unsettled(knowledge, known, edition, step, ask=moved is None)
    known[STEP] = chosen = step.rules[0].then
    matches = {"escalation": step}
    if chosen not in TUNING_STEPS:
        return Outcome(Answer(step=chosen), step.rules, [], [], known, matches)
    target = matches["target"] = _match(knowledge.targeting(known), known, moved)
    if target.rules and target.rules[0].then == CONFLICT:
        return Outcome(None, step.rules, [], _contradictions(knowledge, known, target), known)
    if target.rules:
        known[TARGET] = target.rules[0].then
        technique = matches["technique"] = _match(knowledge.matrices[edition].technique, known, moved)
    if not target.rules or not technique.rules:
        unknown = _unknown(knowledge, known, edition, step) if moved is None else []
        return Outcome(None, step.rules, unknown, [], known)
    name, _, sharding = technique.rules[0].then.partition("+")
    known[TECHNIQUE] = name
    fits = name != NONE_FITS
    answer = Answer(
        step=chosen,
        technique=name if fits else None,
        sharding=(sharding or "none") if fits else None,
        target=target.rules[0].then,
    )
    return Outcome(answer, [*step.rules, *target.rules, *technique.rules], [], [], known, matches)


def _match(table: Table, facts: Facts, moved: Moved | None) -> Match:
    said = moved.match(table, facts) if moved is not None else None
    # the steps that stay possible decide about contradictions, so the first table is always worked out
    return said or first_match(table, facts, ask=moved is None or table.head.id == "escalation")


def _targets(knowledge: Knowledge, facts: Facts, step: Match) -> dict[str, Match]:
    """What the target table says for each step that tunes and is still possible."""
    tuning = sorted(step.possible.intersection(TUNING_STEPS))
    table = knowledge.targeting(facts)
    return {one: first_match(table, {**facts, STEP: one}) for one in tuning}


def _refused(targets: Mapping[str, Match]) -> bool:
    """Whether the facts contradict each other whichever step that tunes it will be."""
    return bool(targets) and all(one.rules and one.rules[0].then == CONFLICT for one in targets.values())


def _unsettled(knowledge: Knowledge, facts: dict[str, FactValue], edition: str, step: Match, *, ask: bool) -> Outcome:
    """The step is open: what to ask, unless every reply leads to a contradiction."""
    targets = _targets(knowledge, facts, step)
    if len(targets) == len({then for _, then in step.outcomes}) and _refused(targets):
        name, target = next(iter(targets.items()))
        return Outcome(None, [], [], _contradictions(knowledge, {**facts, STEP: name}, target), facts)
    return Outcome(None, [], _unknown(knowledge, facts, edition, step) if ask else [], [], facts)


def _contradictions(knowledge: Knowledge, facts: Facts, target: Match) -> list[Rule]:
    """Every contradiction that stands for certain; where an unknown fact says which, the ones it may be."""
    certain, _ = collect(knowledge.tables["conflicts"], facts)
    return certain or [knowledge.rules[rule.id][1] for rule in target.rules]


def _unknown(knowledge: Knowledge, facts: Facts, edition: str, step: Match) -> list[str]:
    """Every fact that can still change the answer, those of earlier tables first; nobody is asked what is derived."""
    targets = _targets(knowledge, facts, step)
    refused = _refused(targets)
    names = step.unknown_but(frozenset(targets) if refused else frozenset())
    for chosen, target in ({} if refused else targets).items():
        names += target.unknown
        for one in sorted(target.possible - {CONFLICT}):
            known = {**facts, STEP: chosen, TARGET: one}
            names += first_match(knowledge.matrices[edition].technique, known).unknown
    return [name for name in dict.fromkeys(names) if not knowledge.vocabulary[name].derived]


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
