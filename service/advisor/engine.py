"""Matches a table against known facts with three values, and settles what the unknown ones cannot change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from service.advisor.boxes import Box, first_regions
from service.advisor.tables import Rule, Table
from service.records.decision import FactValue

Facts = Mapping[str, FactValue]
_Test = tuple[str, Callable[[FactValue], bool]]


class Match(msgspec.Struct, frozen=True):
    """The rules that may be the answer (one `then`); none while unknown facts matter, or where no row matches.

    `possible` holds every `then` that some reply to the unknown facts leads to; `outcomes` the regions of replies;
    `missing` the unknown facts in row order.
    """

    rules: list[Rule]
    possible: frozenset[str]
    outcomes: Sequence[tuple[Box, str | None]] = ()
    missing: Sequence[str] = ()

    @property
    def unknown(self) -> list[str]:
        """The facts that still matter, in row order; none for a gap that no reply would close."""
        return self.unknown_but(frozenset())

    def unknown_but(self, alike: frozenset[str]) -> list[str]:
        """The facts that still matter to someone who does not tell the answers `alike` apart."""
        outcomes = [(box, "alike" if then in alike else then) for box, then in self.outcomes]
        return [name for name in self.missing if _matters(name, outcomes)]


def row_value(tests: Iterable[_Test], facts: Facts) -> bool | None:
    """False if any cell fails, else None if any fact is unknown, else True."""
    undecided = False
    for name, accepts in tests:
        value = facts.get(name)
        if value is None:
            undecided = True
        elif not accepts(value):
            return False
    return None if undecided else True


def first_match(table: Table, facts: Facts, *, ask: bool = True) -> Match:
    """The first true row, if no undecided row before it could give another answer.

    With `ask` false an unsettled match says no more than that: neither every possible answer nor what to ask.
    """
    undecided: list[Rule] = []
    settled: list[Rule] = []
    for rule in table.rules:
        value = row_value(rule.tests, facts)
        if value is None:
            undecided.append(rule)
        elif value:
            settled = [rule]
            break
    if not undecided:
        return Match(settled, frozenset(rule.then for rule in settled))
    return _settle(table, undecided + settled, facts, ask=ask)


def unique_match(table: Table, facts: Facts) -> Match:
    """The one true row of a table without overlaps: it settles at once, whatever else is unknown."""
    true = [rule for rule in table.rules if row_value(rule.tests, facts)]
    if true:
        return Match(true[:1], frozenset({true[0].then}))
    return _settle(table, [rule for rule in table.rules if row_value(rule.tests, facts) is None], facts, ask=True)


def collect(table: Table, facts: Facts) -> tuple[list[Rule], list[Rule]]:
    """(rows that apply, rows that may also apply once their unknown facts are known)."""
    certain, possible = [], []
    for rule in table.rules:
        value = row_value(rule.tests, facts)
        if value:
            certain.append(rule)
        elif value is None:
            possible.append(rule)
    return certain, possible


def _settle(table: Table, candidates: Sequence[Rule], facts: Facts, *, ask: bool) -> Match:
    """Exact: the unknown facts' domain is split into the regions where each row is the first to match."""
    boxes = (table.boxes[rule.id] for rule in candidates)
    rows = ({name: allowed for name, allowed in box.items() if name not in facts} for box in boxes)
    outcomes: list[tuple[Box, str | None]] = []
    reasons: dict[int, Rule] = {}
    answers: set[str | None] = set()
    for box, number in first_regions(table.whole([name for name in table.axes if name not in facts]), rows):
        if number is not None:
            reasons[number] = candidates[number]
        outcomes.append((box, None if number is None else candidates[number].then))
        answers.add(outcomes[-1][1])
        if not ask and len(answers) > 1:
            break
    possible = frozenset(then for then in answers if then is not None)
    if len(answers) == 1 and None not in answers:
        return Match(list(reasons.values()), possible)
    missing = dict.fromkeys(name for rule in candidates for name in rule.cells if name not in facts) if ask else ()
    return Match([], possible, outcomes, list(missing))


def _matters(name: str, outcomes: Sequence[tuple[Box, str | None]]) -> bool:
    """Whether two replies, all else equal, lead to different answers."""
    for i, (one, then) in enumerate(outcomes):
        for other, else_ in outcomes[i + 1 :]:
            if then != else_ and one[name] != other[name] and _share(one, other, without=name):
                return True
    return False


def _share(one: Box, other: Box, *, without: str) -> bool:
    return all(name == without or pieces & other[name] for name, pieces in one.items())
