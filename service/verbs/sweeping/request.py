"""What a sweep is asked for: its grid, its goal and its budget, every unusable value told at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.launch.grid import BATCH, EPOCHS, RANK, RATE, Values, in_order, read_grid
from service.launch.request import PlanChoices
from service.records.sweep import SweepBudget
from trainers.contract import Task

_LOWER = "validation_loss"
# what is measured, and can be compared, by what is trained; the better direction is up but for the loss
_GOALS: dict[str, tuple[str, ...]] = {
    "sft": (_LOWER, "exact_match", "token_accuracy"),
    "dpo": (_LOWER, "reward_accuracy", "log_prob_accuracy", "exact_match"),
    "text-classification": (_LOWER, "accuracy", "macro_f1"),
    "token-classification": (_LOWER, "token_accuracy", "macro_f1", "entity_f1"),
}
GOALS = tuple(dict.fromkeys(goal for goals in _GOALS.values() for goal in goals))
_CHECKS = "checks."
_MINUTES = {"s": 1 / 60, "m": 1.0, "min": 1.0, "h": 60.0}


class SweepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`order` holds the values of every trial, in the order of running."""

    parameters: dict[str, list[int | float]]
    order: list[Values]
    goal: str
    better: Literal["lower", "higher"]
    budget: SweepBudget


def read_request(
    choices: PlanChoices,
    *,
    sweep: Sequence[str],
    goal: str,
    budget: Sequence[str],
    validated: bool,
    given: Sequence[str] = (),
) -> SweepRequest:
    """The request; `given` names settings that were also given one fixed value.

    Raises:
        TuneGateError: `usage` with everything that cannot be used.

    """
    errors: list[ErrorItem] = []
    grid = read_grid(sweep, choices, errors)
    errors += [
        ErrorItem(f"--sweep {name}", "also given one value", "one of the two")
        for name in _fixed(choices, given)
        if name in grid
    ]
    names = [*GOALS, *(f"{_CHECKS}{check.name}" for check in choices.evaluation.checks)]
    if goal not in names:
        also = " (--check NAME=REGEX makes checks.NAME)" if goal.startswith(_CHECKS) else ""
        errors.append(ErrorItem("--goal", goal[:60], f"{', '.join(names)}{also}", suggestion(goal, names) or None))
    limits = _budget(budget, errors)
    if not validated:
        errors.append(
            ErrorItem(
                "--validation", "nothing", "a file of held-out rows", "Trials are compared on rows they never saw."
            )
        )
    if errors:
        raise TuneGateError("usage", f"The sweep has {len(errors)} unusable value(s).", errors=errors)
    better: Literal["lower", "higher"] = "lower" if goal == _LOWER else "higher"
    return SweepRequest(parameters=grid, order=in_order(grid), goal=goal, better=better, budget=limits)


def require_goal(goal: str, choices: PlanChoices, task: Task) -> None:
    """Refuse a goal that is not measured for what is trained, before anything is spent.

    Raises:
        TuneGateError: `usage`.

    """
    kind = choices.method if task == "chat" else task
    checks = [f"{_CHECKS}{check.name}" for check in choices.evaluation.checks] if task == "chat" else []
    allowed = [*_GOALS[kind], *checks]
    if goal not in allowed:
        item = ErrorItem("--goal", goal[:60], ", ".join(allowed), f"It is not measured for {kind}.")
        raise TuneGateError("usage", "The sweep has 1 unusable value(s).", errors=[item])


def value_of(evaluation: dict[str, Any] | None, goal: str) -> float | None:
    """The goal out of one evaluation of a manifest."""
    measured = evaluation or {}
    if goal.startswith(_CHECKS):
        measured, goal = measured.get("checks") or {}, goal.removeprefix(_CHECKS)
    value = measured.get(goal)
    return None if value is None else float(value)


def _fixed(choices: PlanChoices, given: Sequence[str]) -> list[str]:
    values = choices.hyperparameters
    fixed = {RATE: values.learning_rate_multiplier, EPOCHS: values.n_epochs, BATCH: values.batch_size}
    return [*(name for name, value in fixed.items() if value is not None), *(RANK for one in given if one == RANK)]


def _budget(texts: Sequence[str], errors: list[ErrorItem]) -> SweepBudget:
    """Runs and minutes out of `6`, `90m`, `1.5h`, or `6,90m`."""
    found: dict[str, Any] = {}
    for text in (piece.strip() for one in texts for piece in one.split(",")):
        parts = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(s|m|min|h)?", text)
        kind = "minutes" if parts and parts[2] else "runs"
        amount = float(parts[1]) * _MINUTES.get(parts[2] or "", 1.0) if parts else 0.0
        if amount <= 0 or (kind == "runs" and not amount.is_integer()) or kind in found:
            allowed = "a number of runs (6) and a time (90m, 1.5h), each above 0 and at most once"
            errors.append(ErrorItem("--budget", text[:60], allowed))
            continue
        found[kind] = amount if kind == "minutes" else int(amount)
    return SweepBudget(**found)
