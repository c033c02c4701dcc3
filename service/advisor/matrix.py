"""The scenario matrix: which techniques an edition leaves for the asked scenarios, as one more cell per technique."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.advisor.cells import Cell
from service.advisor.engine import unique_match
from service.advisor.tables import Rule, Table, make_rule
from service.records.decision import FactScalar

SCENARIO = "scenario"
# technique -> the matrix column that speaks of it; ZeRO is the memory part of DeepSpeed, and no column speaks of full
_COLUMNS = {"lora": "lora", "qlora": "qlora", "dora": "dora", "qdora": "dora", "peft": "peft"}
_SHARDED = "zero"


class Matrix(msgspec.Struct, frozen=True):
    """One edition: its rows, the technique table with the matrix laid over it, and who vetoes what.

    `vetoes` maps a technique rule's id to {scenario: the matrix row that says no}.
    """

    rows: Table
    technique: Table
    vetoes: dict[str, dict[str, Rule]]


def lay_over(scenarios: Table, technique: Table, edition: str) -> Matrix:
    """A technique counts only if its columns say yes in every asked scenario: a row gets the cell "none of these"."""
    rows = scenarios.edition(edition)
    values = scenarios.vocabulary[SCENARIO].values
    vetoes: dict[str, dict[str, Rule]] = {}
    rules = []
    for rule in technique.rules:
        against = {one: row for one in values if (row := veto(rows, rule.then, one)) is not None}
        vetoes[rule.id] = against
        rules.append(_restricted(rule, against))
    return Matrix(rows, Table(technique.head, rules, technique.vocabulary), vetoes)


def columns(then: str) -> list[str]:
    """The matrix columns that speak of an answer such as "lora+zero2"."""
    technique, _, sharding = then.partition("+")
    found = [_COLUMNS[technique]] if technique in _COLUMNS else []
    return [*found, _SHARDED] if sharding else found


def veto(rows: Table, then: str, scenario: str) -> Rule | None:
    """The matrix row that says no to an answer for a scenario."""
    for row in unique_match(rows, {SCENARIO: [scenario]}).rules:
        cells = row.row.then
        assert isinstance(cells, dict)
        if any(cells.get(column) == "no" for column in columns(then)):
            return row
    return None


def asked_rows(rows: Table, scenarios: Sequence[str]) -> list[Rule]:
    """The matrix rows of the asked scenarios."""
    return [rule for one in scenarios for rule in unique_match(rows, {SCENARIO: [one]}).rules]


def _restricted(rule: Rule, against: dict[str, Rule]) -> Rule:
    """The rule whose cell on scenarios, its own one or a new one, also refuses the scenarios that say no."""
    if not against:
        return rule
    refused = f"not {' | '.join(against)}"
    own = rule.cells.get(SCENARIO, Cell(refused, "list"))
    text = own.text if own.text == refused else f"{own.text}, {refused}"
    cell = Cell(text, "list", own.values, own.excluded | frozenset[FactScalar](against))
    return make_rule(rule.row, {**rule.cells, SCENARIO: cell})
