"""Pieces: the parts of a fact's domain that a set of cells can tell apart; testing one value of each is exact."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import msgspec

from service.advisor.cells import Cell
from service.advisor.vocabulary import FactKind
from service.records.decision import FactScalar, FactValue


class Piece(msgspec.Struct, frozen=True):
    """A part of a domain with one value of it; numbers carry their bounds, lists the classes of values they hold."""

    value: FactValue
    low: float | None = None
    high: float | None = None
    low_in: bool = False
    high_in: bool = False
    classes: tuple[tuple[FactScalar, ...], ...] = ()


def pieces(kind: FactKind, cells: Sequence[Cell]) -> list[Piece]:
    """Every piece, in ascending or declared order."""
    if kind.type == "flag":
        return [Piece(value=True), Piece(value=False)]
    if kind.type == "number":
        return _number_pieces(kind, cells)
    if kind.type == "list":
        return _list_pieces(kind, cells)
    return [Piece(value) for value in kind.values]


def nearest(piece: Piece, kind: FactKind, value: FactValue) -> FactValue:
    """The value of a piece that is nearest to `value`; an open real bound is shown as "> 24" or "< 24"."""
    if isinstance(value, list):
        return sorted({str(one) for group in piece.classes for one in _kept(group, value)})
    if piece.low is None or piece.high is None or isinstance(value, bool | str):
        return piece.value
    if kind.integer:
        return int(min(max(value, piece.low), piece.high))
    if value > piece.low and value < piece.high:
        return value
    if value <= piece.low:
        return piece.low if piece.low_in else f"> {piece.low:g}"
    return piece.high if piece.high_in else f"< {piece.high:g}"


def distance(new: FactValue, old: FactValue) -> float:
    """How far a move is: items added and removed, the difference of numbers, 1 for another choice."""
    if isinstance(new, list) and isinstance(old, list):
        return len(set(new) ^ set(old))
    if isinstance(old, bool | str) or isinstance(new, bool | list) or isinstance(old, list):
        return 1.0
    return abs(float(new[2:] if isinstance(new, str) else new) - old)


def _kept(group: tuple[FactScalar, ...], value: list[str]) -> list[FactScalar]:
    return [one for one in group if one in value] or [group[0]]


def _list_pieces(kind: FactKind, cells: Sequence[Cell]) -> list[Piece]:
    """Values that no cell tells apart form a class; the pieces are the non-empty sets of classes, small ones first."""
    classes: dict[tuple[tuple[bool, bool], ...], list[FactScalar]] = {}
    for value in kind.values:
        classes.setdefault(tuple((value in cell.values, value in cell.excluded) for cell in cells), []).append(value)
    groups = [tuple(group) for group in classes.values()]
    sets: Iterable[tuple[tuple[FactScalar, ...], ...]] = itertools.chain.from_iterable(
        itertools.combinations(groups, size) for size in range(1, len(groups) + 1)
    )
    return [Piece([str(group[0]) for group in chosen], classes=chosen) for chosen in sets]


def _number_pieces(kind: FactKind, cells: Sequence[Cell]) -> list[Piece]:
    """Each cut is a piece, and so is what lies between two cuts, or between a cut and the end of the domain."""
    low = -math.inf if kind.min is None else kind.min
    high = math.inf if kind.max is None else kind.max
    cuts = sorted({cut for cell in cells for cut in cell.cuts if low <= cut <= high})
    found = [_point(low, kind)] if low in cuts else []
    for start, end in itertools.pairwise([low, *(cut for cut in cuts if low < cut < high), high]):
        found.append(_between(start, end, kind, start_in=start not in cuts, end_in=end not in cuts))
        if end in cuts:
            found.append(_point(end, kind))
    return [piece for piece in found if piece is not None]


def _point(value: float, kind: FactKind) -> Piece | None:
    if kind.integer:
        return Piece(int(value), value, value) if value == int(value) else None
    return Piece(value, value, value, low_in=True, high_in=True)


def _between(start: float, end: float, kind: FactKind, *, start_in: bool, end_in: bool) -> Piece | None:
    """The values between two bounds; an end of the domain that no cell names belongs to its piece."""
    if not kind.integer:
        return Piece(_middle(start, end), start, end, low_in=start_in, high_in=end_in)
    lowest = start if start == -math.inf else (math.ceil(start) if start_in else math.floor(start) + 1)
    highest = end if end == math.inf else (math.floor(end) if end_in else math.ceil(end) - 1)
    if lowest > highest:
        return None
    inside = lowest if lowest != -math.inf else (highest if highest != math.inf else 0)
    return Piece(int(inside), lowest, highest)


def _middle(start: float, end: float) -> float:
    if start == -math.inf:
        return 0.0 if end == math.inf else end - 1
    return start + 1 if end == math.inf else (start + end) / 2
