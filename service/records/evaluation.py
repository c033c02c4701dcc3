"""The evaluation: variants x models on one evaluation set, with intervals, what differs, and what that decides."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

DifferenceVerdict = Literal["better", "worse", "equal-enough", "not-enough-rows"]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one cell; low and high bound it at the record's confidence, null where they mean nothing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int
    better: Literal["higher", "lower", "neither"] = "higher"
    why: str | None = None  # why there is no value, or what a judge's value is


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One variant with one model; latencies in seconds, money in USD."""

    variant: str
    model: str
    rows: int
    answered: int
    failed: dict[str, int]  # problem code -> rows
    measures: dict[str, Measure]
    nodes: dict[str, dict[str, Measure]] = {}
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    usd_per_1000: float | None = None
    usd: float | None = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`variant` with `model` minus `than_variant` with `than_model` on the rows both answered (paired bootstrap)."""

    measure: str
    variant: str
    model: str
    than_variant: str
    than_model: str
    difference: float
    low: float
    high: float
    rows: int
    verdict: DifferenceVerdict


class WorstRow(msgspec.Struct, frozen=True):
    """A row by pointer only: no text of it is kept in the record."""

    path: str
    line: int
    variant: str
    model: str
    measure: str
    value: float


class Goal(msgspec.Struct, frozen=True):
    """What the user asks of the answers: at least so much of a measure (at most, where lower is better)."""

    measure: str
    at_least: float
    usd_per_1000: float | None = None  # at most, USD
    latency_p95_s: float | None = None  # at most, seconds


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures say: `variant` and `model` are the cheapest kind of change that meets the goal, null if none."""

    status: Literal["met", "not-met", "not-enough-rows", "no-goal"]
    variant: str | None = None
    model: str | None = None
    why: str


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation; `facts` are what the advisor takes over with origin measured:<id>."""

    schema: Literal["tunegate.evaluation/1"] = "tunegate.evaluation/1"
    id: str
    made_at: str
    data: list[dict[str, Any]]  # path, sha256, rows, role: evaluation | regression
    documents: dict[str, Any] | None
    variants: list[dict[str, Any]]  # id, kind, sha256
    models: list[dict[str, Any]]  # id, kind, name
    settings: dict[str, Any]  # seed, samples, perturbations, resamples, confidence, max_new_tokens, temperature
    goal: Goal | None
    cells: list[Cell]
    differences: list[Difference]
    conclusion: Conclusion
    facts: dict[str, Any]
    worst: list[WorstRow]
    complete: bool = True  # false where a budget or an interruption left rows unasked
    usd: float | None = None
