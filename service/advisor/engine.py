"""Matches a table against known facts with three values, and settles what the unknown ones cannot change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import msgspec

from service.advisor.cells import Cell, representatives
from service.advisor.tables import Rule
from service.advisor.vocabulary import Vocabulary
from service.records.decision import FactScalar, FactValue

Facts = Mapping[str, FactValue]
# above this many combinations of unknown facts the table asks instead of settling
MAX_COMBINATIONS = 10_000


class Match(msgspec.Struct, frozen=True):
    """The rules that may be the answer (one `then`), or the facts that still matter; both empty for a gap."""

    rules: list[Rule]
    unknown: list[str]


def row_value(rule: Rule, facts: Facts) -> bool | None:
    """False if any cell fails, else None if any fact is unknown, else True."""
    undecided = False
    for name, cell in rule.cells.items():
        if name not in facts:
            undecided = True
        elif not cell.accepts(facts[name]):
            return False
    return None if undecided else True


def first_match(rules: list[Rule], facts: Facts, vocabulary: Vocabulary) -> Match:
    """The first true row, if no undecided row before it could give another answer."""
    undecided: list[Rule] = []
    settled: Rule | None = None
    for rule in rules:
        value = row_value(rule, facts)
        if value is True:
            settled = rule
            break
        if value is None:
            undecided.append(rule)
    if not undecided:
        return Match([settled] if settled else [], [])
    candidates = undecided + ([settled] if settled else [])
    missing = _missing(undecided, facts)
    outcomes = _outcomes(candidates, facts, missing, vocabulary)
    if outcomes is None:
        return Match([], missing)
    answers = {_then(rule) for _, rule in outcomes}
    if len(answers) == 1 and None not in answers:
        reasons = {rule.id: rule for _, rule in outcomes if rule is not None}
        return Match(list(reasons.values()), [])
    return Match([], _that_matter(missing, outcomes))


def _missing(rules: list[Rule], facts: Facts) -> list[str]:
    return list(dict.fromkeys(name for rule in rules for name in rule.cells if name not in facts))


def _outcomes(
    rules: list[Rule], facts: Facts, missing: list[str], vocabulary: Vocabulary
) -> list[tuple[tuple[FactScalar, ...], Rule | None]] | None:
    """(values of the missing facts, row that would match) for every combination; None if there are too many."""
    domains = [representatives(vocabulary[name], cells_of(rules, name)) for name in missing]
    size = 1
    for domain in domains:
        size *= len(domain)
    if size > MAX_COMBINATIONS:
        return None
    found = []
    for values in itertools.product(*domains):
        assumed = {**facts, **dict(zip(missing, values, strict=True))}
        found.append((values, next((rule for rule in rules if row_value(rule, assumed)), None)))
    return found


def _that_matter(missing: list[str], outcomes: list[tuple[tuple[FactScalar, ...], Rule | None]]) -> list[str]:
    """The missing facts for which two replies, all else equal, lead to different answers, in row order."""
    matter = []
    for i, name in enumerate(missing):
        by_rest: dict[tuple[FactScalar, ...], set[str | None]] = {}
        for values, rule in outcomes:
            by_rest.setdefault(values[:i] + values[i + 1 :], set()).add(_then(rule))
        if any(len(answers) > 1 for answers in by_rest.values()):
            matter.append(name)
    return matter


def _then(rule: Rule | None) -> str | None:
    return None if rule is None else str(rule.row.then)


def cells_of(rules: list[Rule], name: str) -> list[Cell]:
    """Every cell of some rules that tests a fact."""
    return [rule.cells[name] for rule in rules if name in rule.cells]


def failed_cells(rule: Rule, facts: Facts) -> Iterator[tuple[str, Cell]]:
    """The cells of a row that known facts fail."""
    for name, cell in rule.cells.items():
        if name in facts and not cell.accepts(facts[name]):
            yield name, cell
