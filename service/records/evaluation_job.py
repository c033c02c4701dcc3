"""An evaluation that the service carries out: its state, how far it is, and how it ended."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.errors import ErrorItem
from service.records.evaluation import Evaluation

EvaluationState = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]


class EvaluationProgress(msgspec.Struct, frozen=True):
    """Rows of all variants and models: asked so far, answered of those, and to be asked (0 until that is known)."""

    asked: int = 0
    answered: int = 0
    total: int = 0


class EvaluationMoment(msgspec.Struct, frozen=True):
    """When a state was entered."""

    state: EvaluationState
    at: str


class EvaluationError(msgspec.Struct, frozen=True):
    """Why there is no record; `errors` has everything that is wrong, by place and never by text."""

    code: str
    detail: str
    remedy: str
    errors: list[ErrorItem] = []


class EvaluationAsking(msgspec.Struct, frozen=True, kw_only=True):
    """What asking came to: requests sent and answered from before, USD over all tries of the same answers."""

    asked: int
    cached: int
    retried: int
    paid_usd: float
    out_of_budget: bool


class EvaluationOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that evaluates leaves behind: a record with what it took, or an error."""

    record: Evaluation | None = None
    asking: EvaluationAsking | None = None
    error: EvaluationError | None = None


class EvaluationJob(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation of the service; `evaluation_id` names the finished record, for decisions and plans.

    `request` is a sha256 over what was asked for; `evaluation` is the record itself where one evaluation is shown, and
    null in lists.
    """

    schema: Literal["tunegate.evaluation-job/1"] = "tunegate.evaluation-job/1"
    id: str
    request: str
    state: EvaluationState
    progress: EvaluationProgress = msgspec.field(default_factory=EvaluationProgress)
    timeline: list[EvaluationMoment] = []
    asking: EvaluationAsking | None = None
    error: EvaluationError | None = None
    evaluation_id: str | None = None
    evaluation: Evaluation | None = None
