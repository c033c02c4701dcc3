"""Which trial of a sweep is the best, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Sequence

from service.launch.grid import EPOCHS, RANK
from service.records.sweep import BestTrial, Trial
from service.verbs.sweeping.request import SweepRequest


def best_of(trials: Sequence[Trial], request: SweepRequest) -> BestTrial | None:
    """The trial with the best goal; of equal ones that with fewer epochs, then the smaller rank, then the earlier."""
    measured = [(trial.after, trial) for trial in trials if trial.status == "succeeded" and trial.after is not None]
    if not measured:
        return None
    lower = request.better == "lower"
    value = min(after for after, _ in measured) if lower else max(after for after, _ in measured)
    equal = [trial for after, trial in measured if after == value]
    chosen = min(equal, key=lambda one: (one.values.get(EPOCHS, 0), one.values.get(RANK, 0), one.n))
    ties = [trial.n for trial in equal if trial.n != chosen.n]
    before = chosen.before
    improved = None if before is None else (value < before if lower else value > before)
    return BestTrial(
        n=chosen.n,
        value=value,
        before=before,
        better_than_before=improved,
        why=_why(request, value, before, improved=improved, count=len(measured), ties=ties),
        ties=ties,
    )


def left_out_text(trials: Sequence[Trial], request: SweepRequest) -> str | None:
    """What the budget left out, or None."""
    left = [trial for trial in trials if trial.status == "not_run"]
    if not left:
        return None
    runs, minutes = request.budget.runs, request.budget.minutes
    limits = [f"{runs} runs"] if runs else []
    limits += [f"{minutes:g} minutes"] if minutes else []
    return f"{len(left)} of {len(trials)} trials were not run: the budget of {' and '.join(limits)} is used up"


def _why(
    request: SweepRequest, value: float, before: float | None, *, improved: bool | None, count: int, ties: list[int]
) -> str:
    extreme = "lowest" if request.better == "lower" else "highest"
    text = f"the {extreme} {request.goal} of {count} finished trial{'s' if count > 1 else ''} ({value:.4f})"
    if ties:
        others = ", ".join(map(str, ties))
        one = f"trial {others} has" if len(ties) == 1 else f"trials {others} have"
        text += f"; {one} the same: fewer epochs, then a smaller rank, then the earlier one decide"
    if improved is None:
        return text
    if improved:
        return f"{text}; it was {before:.4f} before training"
    return f"{text}, but NO trial is better than the model was before training ({before:.4f})"
