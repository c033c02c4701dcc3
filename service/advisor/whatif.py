"""What would change the answer: each fact moved to its other pieces, the nearest value kept per new answer."""

from __future__ import annotations

from collections.abc import Iterator

from service.advisor.decide import Moved, Outcome, settle
from service.advisor.engine import Facts
from service.advisor.knowledge import Knowledge
from service.advisor.pieces import Piece, distance, nearest
from service.advisor.tables import Rule
from service.records.decision import FactValue, WouldChange


def would_change(knowledge: Knowledge, facts: Facts, edition: str, now: Outcome) -> list[WouldChange]:
    """One entry per (fact, new answer).

    The answer is null where something would then be asked, or where the facts would contradict each other (`rule`
    is then the conflict's).
    """
    if now.answer is None:
        return []
    reasons = {rule.id for rule in now.deciding}
    found: list[WouldChange] = []
    for name, value in facts.items():
        best: dict[str, tuple[float, WouldChange]] = {}
        for moved, tried in _moves(knowledge, name, value, edition):
            then = settle(knowledge, {**facts, name: tried}, edition, moved=Moved(name, now))
            if then.answer == now.answer:
                continue
            rule = _reason(then, reasons)
            key, far = f"{then.answer} {rule if then.conflicts else ''}", distance(moved, value)
            if key not in best or far < best[key][0]:
                best[key] = (far, WouldChange(name, moved, then.answer, rule))
        found += [change for _, change in best.values()]
    return found


def ways_out(knowledge: Knowledge, facts: Facts, edition: str, conflict: Rule) -> list[tuple[str, FactValue]]:
    """(fact, nearest value) of each single change that leaves no contradiction."""
    found = []
    for name in conflict.cells:
        if name not in facts:
            continue
        for moved, tried in _moves(knowledge, name, facts[name], edition):
            if not settle(knowledge, {**facts, name: tried}, edition).conflicts:
                found.append((name, moved))
                break
    return found


def pieces_of(knowledge: Knowledge, name: str, edition: str) -> list[Piece]:
    """The pieces that the deciding tables of an edition can tell apart, all tables together."""
    return knowledge.deciding_axes[edition].get(name, [])


def _reason(then: Outcome, known: set[str]) -> str | None:
    """The first rule of the new answer that was not already behind the old one."""
    rules = then.conflicts or (then.deciding if then.answer is not None else [])
    return next((rule.id for rule in rules if rule.id not in known), None)


def _moves(knowledge: Knowledge, name: str, value: FactValue, edition: str) -> Iterator[tuple[FactValue, FactValue]]:
    """(the value to announce, the value to try) for every other piece; they differ only at open real bounds."""
    kind = knowledge.vocabulary[name]
    for piece in pieces_of(knowledge, name, edition):
        moved = nearest(piece, kind, value)
        if moved == value:
            continue
        tried = piece.value if kind.type == "number" and isinstance(moved, str) else moved
        yield moved, tried
