"""What would change the answer: each fact moved to its other pieces, the nearest value kept per new answer."""

from __future__ import annotations

from collections.abc import Callable

from service.advisor.cells import representatives
from service.advisor.decide import decide
from service.advisor.engine import Facts, cells_of
from service.advisor.tables import Knowledge
from service.records.decision import FactScalar, FactValue, WouldChange

_TABLES = ("escalation", "scenarios", "target", "technique")


def would_change(knowledge: Knowledge, facts: Facts, edition: str) -> list[WouldChange]:
    """One entry per (fact, new answer); answer null where something would then be asked."""
    now = decide(knowledge, facts, edition)
    if now.answer is None:
        return []
    reasons = {rule.id for rule in now.because}
    found: list[WouldChange] = []
    for name, value in facts.items():
        nearest: dict[str, WouldChange] = {}
        for other in _others(knowledge, name, value):
            then = decide(knowledge, {**facts, name: other}, edition)
            if then.answer == now.answer:
                continue
            new = [rule.id for rule in then.because if rule.id not in reasons]
            rule = new[0] if then.answer is not None and new else None
            nearest.setdefault(str(then.answer), WouldChange(name, other, then.answer, rule))
        found += nearest.values()
    return found


def _others(knowledge: Knowledge, name: str, value: FactValue) -> list[FactValue]:
    """The other pieces' values, nearest first."""
    rules = [rule for table in _TABLES for rule in knowledge.tables[table].rules]
    cells = cells_of(rules, name)
    if not cells:
        return []
    options: list[FactScalar] = representatives(knowledge.vocabulary[name], cells)
    if isinstance(value, list):
        return [[str(option)] for option in options if [option] != value]
    if isinstance(value, bool | str):
        return [option for option in options if option != value]
    nearest = sorted((option for option in options if option != value), key=_distance(value))
    return list(nearest)


def _distance(value: float) -> Callable[[FactScalar], float]:
    return lambda option: abs(float(option) - value)
