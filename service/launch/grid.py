"""The grid of a sweep: which settings take which values, and in what order they are tried."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence

import msgspec

from service.errors import ErrorItem, suggestion
from service.launch.hyperparameters import DEFAULT_BATCH_SIZE, DEFAULT_EPOCHS
from service.launch.request import PlanChoices, wrong_values
from trainers.contract import Adapter

Values = dict[str, int | float]
MOST_TRIALS = 256
RATE, EPOCHS, BATCH, RANK = "learning_rate_multiplier", "n_epochs", "batch_size", "adapter.r"
# the value that the order begins nearest to
_DEFAULTS: dict[str, float] = {RATE: 1.0, EPOCHS: DEFAULT_EPOCHS, BATCH: DEFAULT_BATCH_SIZE, RANK: Adapter().r}
SHORT = {RATE: "multiplier", EPOCHS: "epochs", BATCH: "batch", RANK: "rank"}
_OTHER_NAMES = {"multiplier": RATE, "epochs": EPOCHS, "rank": RANK, "r": RANK, "adapter_r": RANK}


def read_grid(texts: Sequence[str], choices: PlanChoices, errors: list[ErrorItem]) -> dict[str, list[int | float]]:
    """`NAME=V,V,...` each, in canonical names; what cannot be used is added to `errors`."""
    grid: dict[str, list[int | float]] = {}
    for text in texts:
        given, equals, rest = text.partition("=")
        name = given.strip().lower().replace("-", "_")
        name = _OTHER_NAMES.get(name, name)
        if name not in SHORT or not equals:
            near = suggestion(name, SHORT) or None
            errors.append(ErrorItem("--sweep", text[:60], f"NAME=V,V with NAME {', '.join(SHORT)}", near))
        elif name in grid:
            errors.append(ErrorItem("--sweep", text[:60], f"{name} once, with all its values"))
        else:
            grid[name] = _numbers(name, rest, choices, errors)
    count = math.prod(map(len, grid.values()))
    if count > MOST_TRIALS:
        errors.append(ErrorItem("--sweep", f"{count} combinations", f"at most {MOST_TRIALS}", "Fewer values."))
    return grid


def with_values(choices: PlanChoices, values: Values) -> PlanChoices:
    """The choices of one trial; an alpha that is twice the rank stays so."""
    plain = {name: value for name, value in values.items() if name != RANK}
    wanted = choices.hyperparameters
    if RANK in values:
        shape, rank = wanted.adapter or Adapter(), int(values[RANK])
        alpha = 2 * rank if shape.alpha == 2 * shape.r else shape.alpha
        plain["adapter"] = msgspec.structs.replace(shape, r=rank, alpha=alpha)  # type: ignore[assignment]
    return msgspec.structs.replace(choices, hyperparameters=msgspec.structs.replace(wanted, **plain))


def in_order(grid: dict[str, list[int | float]]) -> list[Values]:
    """Every combination, so that any first few of them cover the range.

    The one nearest to the defaults is the first; then always the one that is farthest from all before it.
    """
    axes = list(grid.values())
    # places on each axis, its ends 0 and 1: how far values lie apart is a matter of their order, not of their size
    left = list(itertools.product(*(_spread(len(values)) for values in axes)))
    combination = dict(zip(left, itertools.product(*axes), strict=True))
    begin = tuple(_spread(len(values))[_nearest(name, values)] for name, values in grid.items())
    order = [begin]
    left.remove(begin)
    distance = {place: math.dist(place, begin) for place in left}
    while left:
        following = max(left, key=distance.__getitem__)  # of equal ones the first
        order.append(following)
        left.remove(following)
        distance = {place: min(distance[place], math.dist(place, following)) for place in left}
    return [dict(zip(grid, combination[place], strict=True)) for place in order]


def folder_of(values: Values) -> str:
    """A trial's folder by its values: the same for the same values, however the grid grows."""
    return "_".join(f"{SHORT[name]}-{value:g}" for name, value in sorted(values.items()))


def text_of(values: Values) -> str:
    """For people: `multiplier 0.5, rank 8`."""
    return ", ".join(f"{SHORT[name]} {value:g}" for name, value in values.items())


def _numbers(name: str, text: str, choices: PlanChoices, errors: list[ErrorItem]) -> list[int | float]:
    read: Callable[[str], int | float] = float if name == RATE else int
    pattern = r"\d+(\.\d+)?(e-?\d+)?" if name == RATE else r"\d+"
    pieces = [piece.strip() for piece in text.split(",")]
    wrong = [piece for piece in pieces if not re.fullmatch(pattern, piece)]
    for piece in wrong:
        kind = "a number" if name == RATE else "a whole number"
        errors.append(ErrorItem(f"--sweep {name}", repr(piece[:40]), kind))
    values = sorted({read(piece) for piece in pieces if piece not in wrong})
    if len(values) + len(wrong) < len(pieces):
        errors.append(ErrorItem(f"--sweep {name}", text[:60], "each value once"))
    known = wrong_values(choices)
    for value in values:
        errors += [
            msgspec.structs.replace(one, where=f"--sweep {name}")
            for one in wrong_values(with_values(choices, {name: value}))
            # an alpha of twice a wrong rank is wrong too, and nobody gave it
            if one.where.startswith("hyperparameters") and not one.where.endswith(".alpha") and one not in known
        ]
    return values


def _spread(count: int) -> list[float]:
    return [place / max(1, count - 1) for place in range(count)]


def _nearest(name: str, values: Sequence[int | float]) -> int:
    return min(range(len(values)), key=lambda place: abs(math.log(values[place] / _DEFAULTS[name])))
