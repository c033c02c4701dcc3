"""Holes in the rules: gaps, overlaps, rows that never match or change nothing, what is late, unused or untold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from service.advisor.boxes import Box, first_regions, intersect, merged
from service.advisor.decide import STEP
from service.advisor.knowledge import CONFLICT, Knowledge
from service.advisor.pieces import Piece
from service.advisor.tables import Rule, Table
from service.advisor.translation import missing
from service.advisor.vocabulary import FactKind
from service.records.decision import TUNING_STEPS

# tables whose reasons a translation must have; cautions and evidence stay in the original language
_MAIN = ("escalation", "target", "technique", "conflicts")


def audit(knowledge: Knowledge, *, examples: Iterable[str] | None = None, today: date | None = None) -> list[str]:
    """One sentence per problem; an empty list is a clean bill.

    `examples` are the rule ids that a worked example names (None skips that test); reviews due before `today` are
    problems (None leaves dates out).
    """
    found: list[str] = []
    for name, table in knowledge.tables.items():
        found += [f"{name}.toml: {problem}" for problem in _table_problems(knowledge, name, table)]
    found += _unused(knowledge)
    found += _untranslated(knowledge)
    if examples is not None:
        shown = set(examples)
        found += [f"{rule}: no worked example names it" for rule in knowledge.rules if rule not in shown]
    return found + (_late(knowledge, today) if today is not None else [])


def _table_problems(knowledge: Knowledge, name: str, table: Table) -> Iterator[str]:
    editions: list[str | None] = [*table.head.editions] or [None]
    for edition in editions:
        part = table if edition is None else table.edition(edition)
        if name == "technique":
            yield from _by_edition(knowledge)
        elif part.head.hit == "unique":
            yield from _overlaps(part)
            yield from _gaps(part, part.rules)
        elif part.head.hit == "first":
            # facts that contradict each other are refused before the target table is read
            yield from _first_problems(knowledge.targeting() if name == "target" else part)
        else:
            yield from _doubles(part)


def _by_edition(knowledge: Knowledge) -> Iterator[str]:
    """The technique table is read with a matrix laid over it: a row may be of use under one edition only."""
    per_edition = [list(_first_problems(matrix.technique)) for matrix in knowledge.matrices.values()]
    for problem in dict.fromkeys(itertools.chain.from_iterable(per_edition)):
        if all(problem in found for found in per_edition):
            yield problem


def _first_problems(table: Table) -> Iterator[str]:
    """Unreachable and redundant rows, and gaps."""
    boxes = [table.boxes[rule.id] for rule in table.rules]
    full = table.whole(list(table.axes))
    if STEP in full:  # these tables are read for steps that tune
        full[STEP] = frozenset(i for i, piece in enumerate(table.axes[STEP]) if piece.value in TUNING_STEPS)
    regions = list(first_regions(full, boxes))
    gaps = [box for box, number in regions if number is None]
    reached = {number for _, number in regions}
    for number, rule in enumerate(table.rules):
        if rule.then == CONFLICT:
            continue
        if number not in reached:
            yield f"{rule.id} can never be the first match"
        elif all(_same_without(box, number, table.rules, boxes) for box, first in regions if first == number):
            yield f"{rule.id} changes nothing: without it a later row gives {rule.then!r} too"
    if table.head.complete:
        for gap in merged(gaps):
            yield f"no row matches {_shown(gap, table)}"


def _same_without(region: Box, number: int, rules: Sequence[Rule], boxes: Sequence[Box]) -> bool:
    """Whether the rows after `number` answer the same everywhere in its region."""
    after = rules[number + 1 :]
    return all(
        i is not None and after[i].then == rules[number].then for _, i in first_regions(region, boxes[number + 1 :])
    )


def _overlaps(table: Table) -> Iterator[str]:
    for one, other in itertools.combinations(table.rules, 2):
        both = intersect(table.boxes[one.id], table.boxes[other.id])
        if both is not None:
            yield f"{one.id} and {other.id} both match {_witness(both, table)}"


def _doubles(table: Table) -> Iterator[str]:
    for one, other in itertools.combinations(table.rules, 2):
        if one.then == other.then and table.boxes[one.id] == table.boxes[other.id]:
            yield f"{one.id} and {other.id} say the same of the same facts"


def _gaps(table: Table, rules: Sequence[Rule]) -> Iterator[str]:
    if table.head.complete:
        regions = first_regions(table.whole(list(table.axes)), [table.boxes[rule.id] for rule in rules])
        gaps = merged(box for box, number in regions if number is None)
        yield from (f"no row matches {_shown(gap, table)}" for gap in gaps)


def _unused(knowledge: Knowledge) -> list[str]:
    cited = {key for _, rule in knowledge.rules.values() for key in rule.row.cite}
    cited |= {key for found in knowledge.entries.values() for entry in found.values() for key in entry.cite}
    cited |= {key for row in knowledge.models.tunable for key in row.cite}
    found = [f"sources.toml: {key} is cited by nothing" for key in knowledge.sources if key not in cited]
    silent = [kind.name for kind in knowledge.vocabulary.values() if not kind.ask.strip()]
    return found + [f"facts.toml: {name} is neither asked nor measured" for name in silent]


def _untranslated(knowledge: Knowledge) -> list[str]:
    facts = {name: kind.values for name, kind in knowledge.vocabulary.items() if not kind.derived}
    # codes of languages and tasks are the same everywhere
    facts |= {name: [] for name in ("model.languages", "model.task") if name in facts}
    rules = [rule.id for name in _MAIN if name in knowledge.tables for rule in knowledge.tables[name].rules]
    return [
        f"translations/{name}.toml: {problem}"
        for name, translation in knowledge.translations.items()
        for problem in missing(translation, facts, rules)
    ]


def _late(knowledge: Knowledge, today: date) -> list[str]:
    dated = [(rule.id, rule.row.review_by) for _, rule in knowledge.rules.values()]
    dated += [(entry.id, entry.review_by) for found in knowledge.entries.values() for entry in found.values()]
    dated += [(f"base-models.toml: {card.id}", card.review_by) for card in knowledge.models.cards.values()]
    dated += [(row.id, row.review_by) for row in knowledge.models.tunable]
    return [f"{name}: its review was due {due}" for name, due in dated if due < today]


def _witness(box: Box, table: Table) -> str:
    shown = {name: _value(table.axes[name][min(chosen)].value) for name, chosen in box.items()}
    return ", ".join(f"{name} = {value}" for name, value in shown.items()) or "everything"


def _shown(box: Box, table: Table) -> str:
    """A box in the words of cells, without the facts that span their domain."""
    parts = []
    for name, axis in table.axes.items():
        chosen = box.get(name) if name != STEP else None
        if chosen is not None and len(chosen) < len(axis):
            parts.append(f"{name} {_cell([axis[i] for i in sorted(chosen)], table.vocabulary[name])}")
    return ", ".join(parts) or "anything"


def _cell(chosen: Sequence[Piece], kind: FactKind) -> str:
    if kind.type != "number":
        shown = [_value(piece.value) for piece in chosen]
        return " | ".join(shown[:6]) + (f" | {len(shown) - 6} more" if len(shown) > 6 else "")
    low, high = chosen[0].low, chosen[-1].high
    if low is None or high is None:
        return str(chosen[0].value)
    if low == high:
        return f"= {low:g}"
    start = "" if low == -math.inf or low == kind.min else f">= {low:g}" if kind.integer else f"from {low:g}"
    end = "" if high == math.inf or high == kind.max else f"<= {high:g}" if kind.integer else f"to {high:g}"
    return " and ".join(part for part in (start, end) if part) or "any"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " + ".join(value) if isinstance(value, list) else str(value)
