"""Holes in the tables: gaps, overlaps, rows that can never match; found by exact enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date

from service.advisor.cells import representatives
from service.advisor.engine import cells_of, row_value
from service.advisor.tables import Knowledge, Rule, Table
from service.advisor.vocabulary import Vocabulary
from service.records.decision import FactScalar

_MAX_POINTS = 1_000_000


def audit(knowledge: Knowledge, today: date | None = None) -> list[str]:
    """One sentence per problem; an empty list is a clean bill."""
    found: list[str] = []
    for name, table in knowledge.tables.items():
        found += [f"{name}.toml: {problem}" for problem in _table_problems(table, knowledge.vocabulary)]
    if today is not None:
        late = [rule for _, rule in knowledge.rules.values() if rule.row.review_by < today]
        found += [f"{rule.id}: its review was due {rule.row.review_by}" for rule in late]
    cited = {key for _, rule in knowledge.rules.values() for key in rule.row.cite}
    return found + [f"sources.toml: {key} is cited by no rule" for key in knowledge.sources if key not in cited]


def _table_problems(table: Table, vocabulary: Vocabulary) -> Iterator[str]:
    editions: list[str | None] = [*table.head.editions] or [None]
    for edition in editions:
        rules = [rule for rule in table.rules if rule.row.edition in {None, edition}]
        if table.head.hit == "unique":
            yield from _overlaps(rules, vocabulary)
        if table.head.hit == "first":
            yield from _unreachable_and_gaps(rules, vocabulary, complete=table.head.complete)


def _overlaps(rules: list[Rule], vocabulary: Vocabulary) -> Iterator[str]:
    for one, other in itertools.combinations(rules, 2):
        for point in _points([one, other], vocabulary):
            if row_value(one, point) and row_value(other, point):
                yield f"{one.id} and {other.id} both match {_shown(point)}"
                break


def _unreachable_and_gaps(rules: list[Rule], vocabulary: Vocabulary, *, complete: bool) -> Iterator[str]:
    reached: set[str] = set()
    gap: dict[str, FactScalar] | None = None
    for point in _points(rules, vocabulary):
        hit = next((rule for rule in rules if row_value(rule, point)), None)
        if hit is not None:
            reached.add(hit.id)
        elif gap is None:
            gap = point
    yield from (f"{rule.id} can never be the first match" for rule in rules if rule.id not in reached)
    if complete and gap is not None:
        yield f"no row matches {_shown(gap)}"


def _points(rules: list[Rule], vocabulary: Vocabulary) -> Iterator[dict[str, FactScalar]]:
    names = list(dict.fromkeys(name for rule in rules for name in rule.cells))
    domains = [representatives(vocabulary[name], cells_of(rules, name)) for name in names]
    for values in itertools.islice(itertools.product(*domains), _MAX_POINTS):
        yield dict(zip(names, values, strict=True))


def _shown(point: dict[str, FactScalar]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items())
