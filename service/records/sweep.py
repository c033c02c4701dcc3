"""A sweep: the same training with other values of a few settings, compared by one goal."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.records.job import JobError

TrialStatus = Literal["succeeded", "failed", "blocked", "unfinished", "not_run"]


class SweepBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The most trials to run, and the minutes after which none is begun; null = no limit."""

    runs: int | None = None
    minutes: float | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One plan of the sweep; `n` is its place in the order of running, `folder` is relative to the sweep's.

    `before` and `after` are the goal on the validation rows, null where it was not measured; `seconds` of wall time
    over all tries. A failed or blocked trial has its `error`.
    """

    n: int
    values: dict[str, int | float]
    plan: str
    folder: str
    status: TrialStatus
    before: float | None = None
    after: float | None = None
    seconds: float | None = None
    manifest: str | None = None
    error: JobError | None = None


class BestTrial(msgspec.Struct, frozen=True, kw_only=True):
    """The trial that was chosen and why; `ties` are the other trials with the same value.

    `folder` and `manifest` are of its export, null until it is done. `better_than_before` says whether the goal is
    better than it was before any training. `gate` and `gate_why` are what the trial's artifact holds, null where
    nothing was compared.
    """

    n: int
    value: float
    before: float | None
    better_than_before: bool | None
    why: str
    ties: list[int] = []
    folder: str | None = None
    manifest: str | None = None
    gate: Literal["passed", "failed"] | None = None
    gate_why: str | None = None


class SweepChain(msgspec.Struct, frozen=True):
    """The ids that all trials rest on; `starts_from` is the manifest of the run that they go on from."""

    decision: str | None
    lint_report: str | None
    starts_from: str | None = None


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """All trials in the order of running. `chain` is what they rest on together; each has a plan of its own.

    `left_out` says what the budget left out, null where it held everything.
    """

    schema: Literal["tunegate.sweep/1"] = "tunegate.sweep/1"
    id: str
    chain: SweepChain
    goal: str
    better: Literal["lower", "higher"]
    parameters: dict[str, list[int | float]]
    budget: SweepBudget
    seed: int
    trials: list[Trial]
    best: BestTrial | None = None
    left_out: str | None = None
