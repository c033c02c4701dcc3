"""A measurement held against the formulas: what is constant, what grows with the tokens, and what is a bug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from service.estimate.notation import GIB, MIB, Case
from service.estimate.phases import phases
from service.estimate.reserve import DIGITS

# above it the formula is wrong
TOLERANCE = 0.03
# workspaces and handles that a GPU's libraries keep beside the tensors: two threads with 32 MiB each on Hopper (aten
# CublasHandlePool.cpp) and what a load leaves (32 MiB in all on a T4); a larger rest is no constant of the device
LARGEST_CONSTANT = 128 * MIB


class Shape(msgspec.Struct, frozen=True):
    """One measured shape: tokens of a micro-batch (virtual ones included), and bytes of each phase."""

    case: Case
    phases: Mapping[str, int]

    @property
    def allocated(self) -> int:
        return max(self.phases.values())

    @property
    def formula(self) -> int:
        return max(phase.bytes for phase in phases(self.case))


class PhasePair(msgspec.Struct, frozen=True):
    """One phase in GiB, measured and by the formula; null where one of them has no such phase."""

    phase: str
    measured_gib: float | None
    formula_gib: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`constant_bytes` and `per_token_bytes` share out what was measured beyond the formula.

    `difference` is the largest share of what was measured that the formula with its constant misses, with its sign.
    """

    constant_bytes: int
    per_token_bytes: float
    difference: float
    phases: list[PhasePair]

    @property
    def is_bug(self) -> bool:
        return abs(self.difference) > TOLERANCE


def compared(shapes: Sequence[Shape]) -> Comparison:
    """The first shape is the one that was asked for; its phases make the table."""
    rest = [(shape.case.tokens, shape.allocated - shape.formula) for shape in shapes]
    slope, start = _line(rest)
    # on a CPU nothing but tensors is counted, and no library keeps any
    limit = LARGEST_CONSTANT if shapes[0].case.run.cuda else 0
    constant = round(min(max(start, 0.0), limit))
    misses = [(over - constant) / shape.allocated for shape, (_, over) in zip(shapes, rest, strict=True)]
    largest = max(misses, key=lambda miss: abs(miss))  # noqa: PLW0108 - mypy cannot infer abs as a key
    return Comparison(
        constant_bytes=constant,
        per_token_bytes=round(slope, 3),
        difference=round(largest, 6),
        phases=_table(shapes[0]),
    )


def _line(points: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """(slope, value at 0) of the line with the least squares; a single point lies on a level one."""
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0, middle_y
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    return slope, middle_y - slope * middle_x


def _table(shape: Shape) -> list[PhasePair]:
    formula = {phase.name: phase.bytes for phase in phases(shape.case)}
    names = dict.fromkeys([*formula, *shape.phases])
    return [PhasePair(name, _gib(shape.phases.get(name)), _gib(formula.get(name))) for name in names]


def _gib(size: int | None) -> float | None:
    return None if size is None else round(size / GIB, DIGITS)
