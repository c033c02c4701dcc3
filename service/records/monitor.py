"""Monitors: an evaluation made, or data read, again and again, held against a baseline, and what each run found."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from service.records.decision import Answer, FactValue, Stale
from service.records.drift import DriftReport, DriftVerdict

RunState = Literal["queued", "running", "succeeded", "failed"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it runs: every so many seconds from its making on, or a cron line of five fields in UTC; one of the two."""

    every_seconds: int | None = None
    cron: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor. `evaluation` is the body of POST /v1/evaluations that every run asks for; where it watches data,
    `data` is the query of POST /v1/datasets?from= that every run stores a dataset by.

    `baseline` is the evaluation (its id in /v1/evaluations), or the dataset, that runs are held against; null until
    the first one ended, which becomes it. `thresholds` stand in place of the rules', by rule id; `measures` empty:
    those that tell. `decision_id` and `dataset_id` are what a re-decision is made from.
    """

    schema: Literal["tunegate.monitor/1"] = "tunegate.monitor/1"
    id: str
    name: str
    schedule: Schedule
    evaluation: dict[str, Any] | None = None
    data: dict[str, str] | None = None
    baseline: str | None = None
    thresholds: dict[str, float] = {}
    measures: list[str] = []
    decision_id: str | None = None
    dataset_id: str | None = None
    created_at: str
    next_at: str


class RunError(msgspec.Struct, frozen=True):
    """Why a run says nothing."""

    code: str
    detail: str
    remedy: str = ""


class MonitorRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run: `slot` is the time that it was due at, of which no monitor has two.

    `evaluation` names the evaluation that was asked for, `dataset` the dataset that was stored. `verdict` is `baseline`
    for the run that became it; of a run that drifted `redecision_id` names what the last decision would be now, or
    `redecision_error` says why there is none. `drift` and `redecision` are the records themselves where one run is
    shown.

    While the storage or the database is away a run waits: `waited_for` says for what, `retries` how often it was tried
    again or will be, and `retry_at` when next, null once it goes on.
    """

    schema: Literal["tunegate.monitor-run/1"] = "tunegate.monitor-run/1"
    id: str
    monitor: str
    slot: str
    state: RunState
    evaluation: str | None = None
    dataset: str | None = None
    verdict: DriftVerdict | Literal["baseline"] | None = None
    drift_id: str | None = None
    redecision_id: str | None = None
    redecision_error: RunError | None = None
    error: RunError | None = None
    ended_at: str | None = None
    retries: int = 0
    retry_at: str | None = None
    waited_for: RunError | None = None
    drift: DriftReport | None = None
    redecision: Redecision | None = None


class ChangedFact(msgspec.Struct, frozen=True):
    """A fact that another decision rests on; null where there is none."""

    name: str
    before: FactValue | None
    after: FactValue | None
    source: str | None = msgspec.field(name="from", default=None)


class Redecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the last decision would be now: proposed, and for a person to take.

    `previous` and `decision` are ids of decisions, `drift` of the report that asked for it, `rests_on` what was
    measured since. `stale` and `warnings` (retirement dates of models among them) are those that the previous one had
    not.
    """

    schema: Literal["tunegate.redecision/1"] = "tunegate.redecision/1"
    id: str
    made_at: str
    previous: str
    decision: str
    drift: str
    rests_on: list[str]
    changed: list[ChangedFact]
    rules_changed: bool
    stale: list[Stale]
    warnings: list[str]
    answer_before: Answer | None
    answer_after: Answer | None
    changes_answer: bool
    says: str
