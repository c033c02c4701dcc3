"""What a job leaves at a service that keeps the weights: the tuned model's id, its checkpoints, its metrics."""

from __future__ import annotations

import msgspec

HOSTED = "hosted-model.json"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A model of an earlier step that can be deployed too."""

    model: str
    step: int
    metrics: dict[str, float] = {}


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """`metrics` are the last values of the service's own results.csv, over `steps` lines.

    `trained_tokens` are those that were billed; `metrics_refused` says why there are no metrics.
    """

    model: str
    checkpoints: list[Checkpoint] = []
    metrics: dict[str, float] = {}
    steps: int | None = None
    trained_tokens: int | None = None
    metrics_refused: str | None = None
