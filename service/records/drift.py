"""The drift report: what changed between two samples of data, or two evaluations, and by how much; never their text."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

DriftVerdict = Literal["stable", "drifted", "undecided"]
DriftKind = Literal["datasets", "evaluations"]
Statistic = Literal["ks", "psi", "auc", "difference", "fall", "share"]


class DriftSide(msgspec.Struct, frozen=True, kw_only=True):
    """One side: files by their hashes, or an evaluation by its id. `unread` counts lines that hold no row."""

    path: str
    sha256: str | None = None
    evaluation: str | None = None
    bytes: int | None = None
    rows: int
    unread: int = 0
    made_at: str | None = None


class Between(msgspec.Struct, frozen=True):
    """A value with its interval; all intervals of a report hold together at the report's confidence."""

    value: float
    low: float
    high: float


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was compared.

    `effect` is what the statistic says: `ks` the largest distance between two distributions, `psi` the population
    stability index, `auc` how well a row's side is told by its words (0.5 = not at all), `difference` of two shares,
    `fall` how much a score got worse, `share` of answers that changed; null where `why` says that nothing can be said.
    `verdict`: drifted where the whole interval lies at or above `threshold`, stable where it lies below, else
    undecided. `p_value` is of no change at all, `p_adjusted` by Holm over the report; `psi` of numbers is over the
    baseline's deciles. `baseline` and `current` describe the sides in figures.
    """

    feature: str
    rule: str
    statistic: Statistic
    effect: Between | None
    threshold: float
    verdict: DriftVerdict
    rows_baseline: int
    rows_current: int
    paired: bool = False
    p_value: float | None = None
    p_adjusted: float | None = None
    psi: Between | None = None
    baseline: dict[str, float] = {}
    current: dict[str, float] = {}
    why: str | None = None  # why nothing can be said


class DriftFinding(msgspec.Struct, frozen=True):
    """What drifted, by the permanent id of its rule (`tunegate explain ID`)."""

    rule: str
    feature: str
    message: str


class NotCompared(msgspec.Struct, frozen=True):
    what: str
    why: str


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """What drifted between a baseline and a current side.

    `rests_on` are sha256 of the files or ids of the evaluations; `settings` hold confidence, resamples, seed and
    what the sides were read for. The verdict is drifted where anything drifted, stable where all that was compared is.
    """

    schema: Literal["tunegate.drift/1"] = "tunegate.drift/1"
    id: str
    made_at: str
    kind: DriftKind
    rests_on: list[str]
    baseline: DriftSide
    current: DriftSide
    settings: dict[str, Any]
    rules_revision: str
    verdict: DriftVerdict
    findings: list[DriftFinding]
    compared: list[Compared]
    not_compared: list[NotCompared] = []
