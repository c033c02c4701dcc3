"""Cells: one typed test of one fact, read from its short text."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from service.advisor.vocabulary import FactKind
from service.errors import suggestion
from service.records.decision import FactScalar, FactValue

_NUMBER = r"-?\d+(?:\.\d+)?"
_COMPARISON = re.compile(rf"(<=|>=|<|>|=) *({_NUMBER})")
_INTERVAL = re.compile(rf"([\[(]) *({_NUMBER}) *\.\. *({_NUMBER}) *([\])])")
_INFINITY = float("inf")


class CellError(ValueError):
    """The text is not a cell; the message says what is allowed."""


class Cell(msgspec.Struct, frozen=True):
    """Accepts a value, or says no.

    A choice or flag is accepted when it is one of `values`; a list when one of its items is (if there are any) and
    none is one of `excluded`; a number when it lies between `low` and `high`.
    """

    text: str
    type: str
    values: frozenset[FactScalar] = frozenset()
    excluded: frozenset[FactScalar] = frozenset()
    low: float = -_INFINITY
    high: float = _INFINITY
    low_in: bool = False
    high_in: bool = False

    def test(self) -> Callable[[FactValue], bool]:
        """The test as the fastest callable that Python has for it."""
        if self.type == "number":
            return self._between
        if self.type != "list":
            return self.values.__contains__
        return self._holds

    def accepts(self, value: FactValue) -> bool:
        """Whether a known value passes."""
        return self.test()(value)

    def _holds(self, value: FactValue) -> bool:
        assert isinstance(value, list)
        return self.excluded.isdisjoint(value) and not (self.values and self.values.isdisjoint(value))

    def _between(self, value: FactValue) -> bool:
        assert isinstance(value, int | float)
        above = value > self.low or (self.low_in and value == self.low)
        return above and (value < self.high or (self.high_in and value == self.high))

    @property
    def cuts(self) -> list[float]:
        """The finite bounds of a numeric test."""
        return [bound for bound in (self.low, self.high) if abs(bound) != _INFINITY]


def parse_cell(text: object, kind: FactKind) -> Cell:
    """Read a cell for a fact.

    Raises:
        CellError: with what was seen and what is allowed.
    """
    if isinstance(text, dict):
        raise CellError(f'{kind.name} is given a table: quote names with dots, as in "gap.kind" = "none"')
    if not isinstance(text, str):
        shown = str(text).lower() if isinstance(text, bool) else str(text)
        hint = {"true": "yes", "false": "no"}.get(shown, f"= {shown}")
        raise CellError(f'cells are strings: write "{kind.name}" = "{hint}"')
    if kind.type in {"text", "date"}:
        raise CellError(f"{kind.name} is free text: no rule can test it")
    if kind.type == "flag":
        if text not in {"yes", "no"}:
            raise CellError(f"{kind.name} is 'yes' or 'no', not {text!r}")
        return Cell(text, "flag", frozenset({text == "yes"}))
    return _numeric(text, kind) if kind.type == "number" else _choice(text, kind)


def _choice(text: str, kind: FactKind) -> Cell:
    negated = text.startswith("not ")
    names = [name.strip() for name in text.removeprefix("not ").split("|")]
    for name in names:
        if not name:
            raise CellError(f"{kind.name}: {text!r} has an empty alternative")
        if name not in kind.values:
            hint = suggestion(name, kind.values)
            raise CellError(f"{kind.name} cannot be {name!r}; it is one of {', '.join(kind.values)}. {hint}".strip())
    chosen = frozenset[FactScalar](names)
    if len(chosen) != len(names):
        raise CellError(f"{kind.name}: {text!r} names a value twice")
    left = frozenset[FactScalar](kind.values) - chosen if negated else chosen
    if not left:
        raise CellError(f"{kind.name}: {text!r} leaves no value")
    if kind.type == "list" and negated:
        return Cell(text, "list", excluded=chosen)
    return Cell(text, kind.type, left)


def _numeric(text: str, kind: FactKind) -> Cell:
    unit = kind.unit or "no unit"
    if match := _COMPARISON.fullmatch(text):
        sign, bound = match[1], float(match[2])
        cell = {
            "=": Cell(text, "number", low=bound, high=bound, low_in=True, high_in=True),
            "<": Cell(text, "number", high=bound),
            "<=": Cell(text, "number", high=bound, high_in=True),
            ">": Cell(text, "number", low=bound),
            ">=": Cell(text, "number", low=bound, low_in=True),
        }[sign]
    elif match := _INTERVAL.fullmatch(text):
        low, high = float(match[2]), float(match[3])
        if low > high or (low == high and match[1] + match[4] != "[]"):
            raise CellError(f"{kind.name}: {text!r} is empty or reversed")
        cell = Cell(text, "number", low=low, high=high, low_in=match[1] == "[", high_in=match[4] == "]")
    else:
        raise CellError(f"{kind.name} is a number in {unit}; {text!r} is not one of '< 24', '>= 7', '= 3', '[7 .. 13)'")
    outside = [cut for cut in cell.cuts if _outside(cut, kind)]
    if outside:
        bounds = f"{kind.min if kind.min is not None else 'any'} to {kind.max if kind.max is not None else 'any'}"
        raise CellError(f"{kind.name} goes from {bounds}; {text!r} lies outside")
    return cell


def _outside(cut: float, kind: FactKind) -> bool:
    return (kind.min is not None and cut < kind.min) or (kind.max is not None and cut > kind.max)
