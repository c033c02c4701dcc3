"""Whether a run's model is better than the one before, which is the gate of its job."""

from __future__ import annotations

from importlib.util import find_spec

from service.artifacts.card import base_name
from service.data import rule_files
from service.errors import TuneGateError
from service.records.manifest import Comparison
from service.settings import load_settings
from trainers.contract import Result, TrainPlan

_NEEDED = ("numpy", "scipy")


def comparison(plan: TrainPlan, result: Result) -> Comparison:
    """The tuned model against the one before; a gate of null says why they could not be compared.

    Never an error: a run that took hours is not lost for it.
    """
    if plan.validation is None:
        return Comparison(gate=None, why="No validation rows: the tuned model was not measured.")
    if not result.scores_before or not result.scores_after:
        return Comparison(gate=None, why="The trainer left no numbers of single rows.")
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        why = f"Intervals need {' and '.join(missing)}: pip install 'tunegate[evaluate]'."
        return Comparison(gate=None, why=why)
    from service.evaluate.before_after import ROW_LOSS, compare
    from service.evaluate.limits import limits
    from service.evaluate.statistics import Draws

    try:
        margin = limits(rule_files(load_settings().rules)).equal_margin.value
    except TuneGateError as error:
        return Comparison(gate=None, why=f"The limits of evaluations cannot be read: {error.detail}")
    return compare(
        result.scores_before,
        result.scores_after,
        # a classifier is asked for its label alone; of what a model writes, hardly any answer is the wanted one exactly
        measure=ROW_LOSS if plan.task == "chat" else "accuracy",
        model=base_name(plan),
        margin=margin,
        draws=Draws(),
    )
