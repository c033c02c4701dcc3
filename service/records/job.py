"""A job: a plan being carried out, its states, progress and end."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.records.hosted import Hosted

State = Literal[
    "queued",
    "preparing",
    "running",
    "finalizing",
    "cancelling",
    "succeeded",
    "failed",
    "cancelled",
    "paused",
    "unknown",
]
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


class JobProgress(msgspec.Struct, frozen=True):
    """Optimizer steps done and planned; the last loss seen."""

    step: int = 0
    total: int | None = None
    loss: float | None = None


class Moment(msgspec.Struct, frozen=True):
    state: State
    at: str


class JobError(msgspec.Struct, frozen=True):
    code: str
    detail: str
    remedy: str


class RemoteRun(msgspec.Struct, frozen=True):
    """Where a job is carried out elsewhere: the target, its name there, the target's own word for its state.

    `model` is what its model is registered as there.
    """

    target: str
    name: str
    status: str | None = None
    url: str | None = None
    model: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one plan; `step` is the pipeline step it is in."""

    schema: Literal["tunegate.job/1"] = "tunegate.job/1"
    id: str
    plan: str
    state: State
    step: str | None = None
    progress: JobProgress = msgspec.field(default_factory=JobProgress)
    timeline: list[Moment] = []
    cost: float | None = None
    error: JobError | None = None
    # whether the tuned model is better than the one before (also "failed": its ONNX files do not answer as it does)
    gate: Literal["passed", "failed"] | None = None
    gate_why: str | None = None
    # null for a job of this machine; `cost` is in USD so far, counted from when its machines were first seen
    remote: RemoteRun | None = None
    # what a service that keeps the weights made
    hosted: Hosted | None = None


class JobEvent(msgspec.Struct, frozen=True):
    """One line of a job's event stream; `n` counts from 1 and is the SSE id."""

    n: int
    event: Literal["state", "step", "log", "end"]
    at: str
    data: dict[str, object]
