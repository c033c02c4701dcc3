"""The chain of tables: escalation, scenario matrix, target, technique, cautions."""

from __future__ import annotations

import msgspec

from service.advisor.engine import Facts, Match, failed_cells, first_match, row_value
from service.advisor.tables import Knowledge, Rule
from service.records.decision import TUNING_STEPS, Answer, FactValue, FailedOn, Rejected

NONE_FITS = "none-fits"
# technique -> the matrix column that speaks of it; ZeRO is the memory part of DeepSpeed
_COLUMNS = {"lora": "lora", "qlora": "qlora", "dora": "dora", "qdora": "dora", "full": "deepspeed", "peft": "peft"}


class Outcome(msgspec.Struct, frozen=True):
    """What the chain came to: the answer or the missing facts, with the rules behind both."""

    answer: Answer | None
    because: list[Rule]
    rejected: list[Rejected]
    unknown: list[str]
    facts: dict[str, FactValue]


def decide(knowledge: Knowledge, facts: Facts, edition: str) -> Outcome:
    """Run the chain; facts of later tables are asked for as soon as tuning is still possible."""
    known = dict(facts)
    step = _first(knowledge, "escalation", known)
    if step.unknown:
        later = [*_first(knowledge, "target", known).unknown, *_technique(knowledge, known, edition)[0].unknown]
        possible = any(rule.row.then in TUNING_STEPS for rule in _possible(knowledge, "escalation", known))
        return Outcome(None, [], [], [*step.unknown, *(later if possible else [])], known)
    chosen = str(step.rules[0].row.then)
    known["chosen.step"] = chosen
    rejected = _rejected(knowledge, "escalation", known, step.rules)
    if chosen not in TUNING_STEPS:
        return Outcome(Answer(step=chosen), step.rules, rejected, [], known)
    target = _first(knowledge, "target", known)
    if target.rules:
        known["chosen.target"] = str(target.rules[0].row.then)
    technique, refused = _technique(knowledge, known, edition)
    unknown = [*target.unknown, *technique.unknown]
    if unknown:
        return Outcome(None, step.rules, rejected, list(dict.fromkeys(unknown)), known)
    name, _, sharding = str(technique.rules[0].row.then).partition("+")
    known["chosen.technique"] = name
    answer = Answer(
        step=chosen,
        technique=None if name == NONE_FITS else name,
        sharding=None if name == NONE_FITS else sharding or "none",
        target=str(known["chosen.target"]),
    )
    rejected += [*_rejected(knowledge, "target", known, target.rules), *refused]
    rejected += _rejected(knowledge, "technique", known, technique.rules)
    return Outcome(answer, [*step.rules, *target.rules, *technique.rules], rejected, [], known)


def cautions(knowledge: Knowledge, facts: Facts) -> list[Rule]:
    """Every caution that applies for certain."""
    return [rule for rule in knowledge.tables["cautions"].rules if row_value(rule, facts) is True]


def matrix_rules(knowledge: Knowledge, scenarios: list[str], edition: str) -> list[Rule]:
    """The matrix rows of the asked scenarios in one edition."""
    rules = [rule for rule in knowledge.tables["scenarios"].rules if rule.row.edition == edition]
    return [rule for rule in rules if rule.cells["scenario"].accepts(scenarios)]


def _first(knowledge: Knowledge, table: str, facts: Facts) -> Match:
    return first_match(knowledge.tables[table].rules, facts, knowledge.vocabulary)


def _possible(knowledge: Knowledge, table: str, facts: Facts) -> list[Rule]:
    return [rule for rule in knowledge.tables[table].rules if row_value(rule, facts) is not False]


def _technique(knowledge: Knowledge, facts: Facts, edition: str) -> tuple[Match, list[Rejected]]:
    """The technique among those that the matrix allows for every asked scenario."""
    rules = knowledge.tables["technique"].rules
    if "scenario" not in facts:
        hosted = facts.get("chosen.target") in {"azure-openai", "azure-serverless"}
        match = first_match(rules, facts, knowledge.vocabulary)
        return (match if hosted else Match([], ["scenario", *match.unknown])), []
    scenarios = facts["scenario"]
    assert isinstance(scenarios, list)
    allowed, refused = [], []
    for rule in rules:
        veto = _veto(knowledge, rule, scenarios, edition)
        if veto is None:
            allowed.append(rule)
        elif row_value(rule, facts) is not False:
            refused.append(
                Rejected(str(rule.row.then), veto.id, FailedOn("scenario", veto.cells["scenario"].text, scenarios))
            )
    match = first_match(allowed, facts, knowledge.vocabulary)
    unknown = [name for name in match.unknown if not knowledge.vocabulary[name].derived]
    return Match(match.rules, unknown), refused


def _veto(knowledge: Knowledge, rule: Rule, scenarios: list[str], edition: str) -> Rule | None:
    technique, _, sharding = str(rule.row.then).partition("+")
    column = "zero" if sharding else _COLUMNS.get(technique)
    if column is None:
        return None
    for row in matrix_rules(knowledge, scenarios, edition):
        assert isinstance(row.row.then, dict)
        if row.row.then[column] == "no":
            return row
    return None


def _rejected(knowledge: Knowledge, table: str, facts: Facts, chosen: list[Rule]) -> list[Rejected]:
    """The other answers of a table with the cell that ruled each out."""
    answers = {str(rule.row.then) for rule in chosen}
    found: dict[str, Rejected] = {}
    for rule in knowledge.tables[table].rules:
        option = str(rule.row.then)
        failed = next(failed_cells(rule, facts), None)
        if option in answers or option in found or failed is None:
            continue
        name, cell = failed
        found[option] = Rejected(option, rule.id, FailedOn(name, cell.text, facts[name]))
    return list(found.values())
