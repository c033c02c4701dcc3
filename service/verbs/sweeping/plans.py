"""The plans of a sweep's trials: one data set linted once, one plan per combination of values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.grid import text_of, with_values
from service.launch.machine import this_machine
from service.launch.request import PlanChoices
from service.launch.tasks import task_of
from service.records.decision import Decision
from service.records.evaluation import Evaluation
from service.settings import Settings
from service.verbs.plan import PlanBundle, linted_data, plan_from_records
from service.verbs.planning.checks import checked
from service.verbs.planning.continuing import left_for
from service.verbs.planning.task import with_task
from service.verbs.sweeping.request import SweepRequest, require_goal
from trainers.contract import Outputs, Progress

T = TypeVar("T")
_REFUSALS = {"invalid_input", "target_cannot"}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep stands on; `say` is told in words what is done."""

    out: Path
    data: Path
    validation: Path
    decision: Decision | None
    rules: RuleFiles
    settings: Settings
    report: Callable[[Progress], None]
    say: Callable[[str], None]
    evaluation: Evaluation | None = None


def planned_trials(request: SweepRequest, choices: PlanChoices, place: Place) -> list[PlanBundle]:
    """A plan per trial, without ONNX: only the best one is exported. Nothing is spent.

    Raises:
        TuneGateError: what is wrong with any of the plans, all at once.

    """
    # what the export of the best one will be asked for is refused now, not after hours
    wanted = [with_values(choices, values) for values in request.order]
    left, machine = left_for(choices), this_machine()
    tasked, _ = with_task(choices, place.data)
    require_goal(request.goal, tasked, task_of(tasked))
    seen = _all(
        request,
        [msgspec.structs.replace(one, task=tasked.task) for one in wanted],
        lambda one: checked(one, place.decision, left, rules=place.rules, settings=place.settings, machine=machine),
    )
    data = linted_data(place.data, place.validation, tasked, target=seen[0].target, rules=place.rules)
    bare = [msgspec.structs.replace(one, outputs=Outputs([])) for one in wanted]
    return _all(
        request,
        bare,
        lambda one: plan_from_records(
            one,
            data,
            decision=place.decision,
            rules=place.rules,
            settings=place.settings,
            left=left,
            evaluation=place.evaluation,
        ),
    )


def _all(request: SweepRequest, wanted: list[PlanChoices], make: Callable[[PlanChoices], T]) -> list[T]:
    """One result per trial, or every trial's errors; one that all trials have is told once."""
    made, errors, first = [], dict[ErrorItem, list[str]](), None
    for values, one in zip(request.order, wanted, strict=True):
        try:
            made.append(make(one))
        except TuneGateError as error:
            if error.code not in _REFUSALS or not error.errors:
                raise
            first = first or error
            for item in error.errors:
                errors.setdefault(item, []).append(text_of(values))
    if first is None:
        return made
    items = [
        item if len(where) == len(wanted) else msgspec.structs.replace(item, where=f"{item.where} ({where[0]})")
        for item, where in errors.items()
    ]
    raise TuneGateError(first.code, f"The plans of the sweep have {len(items)} unusable value(s).", errors=items)
