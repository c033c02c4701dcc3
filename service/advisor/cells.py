"""Cells: one typed test of one fact, read from its short text."""

from __future__ import annotations

import re

import msgspec

from service.advisor.vocabulary import FactKind
from service.errors import suggestion
from service.records.decision import FactScalar, FactValue

_NUMBER = r"-?\d+(?:\.\d+)?"
_COMPARISON = re.compile(rf"(<=|>=|<|>|=) *({_NUMBER})")
_INTERVAL = re.compile(rf"([\[(]) *({_NUMBER}) *\.\. *({_NUMBER}) *([\])])")
Piece = tuple[float, float]  # open interval (low, high), or a point (x, x)


class CellError(ValueError):
    """The text is not a cell; the message says what is allowed."""


class Cell(msgspec.Struct, frozen=True):
    """Accepts a value, or says no; `cuts` are the finite bounds of a numeric test."""

    text: str
    values: frozenset[FactScalar] | None = None
    low: float = float("-inf")
    high: float = float("inf")
    low_in: bool = False
    high_in: bool = False

    def accepts(self, value: FactValue) -> bool:
        """Whether a known value passes; a list passes when any of its items does."""
        if isinstance(value, list):
            return any(self.accepts(one) for one in value)
        if self.values is not None:
            return value in self.values
        assert isinstance(value, int | float)
        above = value > self.low or (self.low_in and value == self.low)
        return above and (value < self.high or (self.high_in and value == self.high))

    @property
    def cuts(self) -> list[float]:
        return [bound for bound in (self.low, self.high) if abs(bound) != float("inf")]


def parse_cell(text: object, kind: FactKind) -> Cell:
    """Read a cell for a fact.

    Raises:
        CellError: with what was seen and what is allowed.
    """
    if not isinstance(text, str):
        raise CellError(f'cells are strings: write {str(text).lower()!r} as text, for example "= {text}"')
    if kind.type == "flag":
        if text not in {"yes", "no"}:
            raise CellError(f"{text!r} is neither 'yes' nor 'no'")
        return Cell(text, frozenset({text == "yes"}))
    return _numeric(text, kind) if kind.type == "number" else _choice(text, kind)


def _choice(text: str, kind: FactKind) -> Cell:
    negated = text.startswith("not ")
    names = [name.strip() for name in text.removeprefix("not ").split("|")]
    for name in names:
        if name not in kind.values:
            hint = suggestion(name, kind.values)
            raise CellError(f"{kind.name} cannot be {name!r}; it is one of {', '.join(kind.values)}. {hint}".strip())
    if len(set(names)) != len(names):
        raise CellError(f"{text!r} names a value twice")
    chosen = frozenset(kind.values).difference(names) if negated else frozenset(names)
    if not chosen:
        raise CellError(f"{text!r} leaves no value")
    return Cell(text, frozenset[FactScalar](chosen))


def _numeric(text: str, kind: FactKind) -> Cell:
    unit = kind.unit or "no unit"
    if match := _COMPARISON.fullmatch(text):
        sign, bound = match[1], float(match[2])
        if sign == "=":
            return Cell(text, None, bound, bound, low_in=True, high_in=True)
        if sign[0] == "<":
            return Cell(text, None, high=bound, high_in=sign == "<=")
        return Cell(text, None, low=bound, low_in=sign == ">=")
    if match := _INTERVAL.fullmatch(text):
        low, high = float(match[2]), float(match[3])
        if low > high or (low == high and match[1] + match[4] != "[]"):
            raise CellError(f"{text!r} is empty or reversed")
        return Cell(text, None, low, high, low_in=match[1] == "[", high_in=match[4] == "]")
    raise CellError(f"{kind.name} is a number in {unit}; {text!r} is not one of '< 24', '>= 7', '= 3', '[7 .. 13)'")


def representatives(kind: FactKind, cells: list[Cell]) -> list[FactScalar]:
    """One value per piece that the cells can tell apart: testing them is exact, not sampling."""
    if kind.type == "flag":
        return [True, False]
    if kind.type in {"choice", "list"}:
        return list(kind.values)
    cuts = sorted({cut for cell in cells for cut in cell.cuts})
    low = kind.min if kind.min is not None else (cuts[0] - 1 if cuts else 0.0)
    high = kind.max if kind.max is not None else (cuts[-1] + 1 if cuts else low + 1)
    edges = sorted({low, *cuts, high})
    found: list[FactScalar] = []
    for i, edge in enumerate(edges):
        found.append(_typed(edge, kind))
        if i + 1 < len(edges):
            middle = (edge + edges[i + 1]) / 2
            if not kind.integer:
                found.append(middle)
            elif int(edge) + 1 < edges[i + 1]:
                found.append(int(edge) + 1)
                found.append(int(edges[i + 1]) - 1)
    return [value for value in dict.fromkeys(found) if low <= float(value) <= high]


def _typed(value: float, kind: FactKind) -> FactScalar:
    return int(value) if kind.integer else value
