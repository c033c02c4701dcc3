"""A synthesis that the service carries out: its state, how far it is, and what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.records.dataset import Dataset
from service.records.evaluation_job import EvaluationError, EvaluationMoment, EvaluationState
from service.records.synthesis import RowProvenance, SynthReport


class SynthProgress(msgspec.Struct, frozen=True):
    """Rows that stay so far, rows that are wanted (0 until that is known), and replies that gave no row."""

    rows: int = 0
    wanted: int = 0
    rejected: int = 0


class SynthOrigins(msgspec.Struct, frozen=True):
    """Where each row of a synthesis comes from."""

    rows: list[RowProvenance]


class SynthKept(msgspec.Struct, frozen=True):
    """The ids of the records that are kept here now, and how many rows came with them."""

    synth: list[str]
    rows: int


class SynthOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that writes leaves behind: the record, with its rows as a dataset if any stayed, or an error."""

    record: SynthReport | None = None
    dataset: Dataset | None = None
    origins: SynthOrigins | None = None
    error: EvaluationError | None = None


class SynthJob(msgspec.Struct, frozen=True, kw_only=True):
    """One synthesis of the service; `synth_id` names the record and `dataset_id` the rows, null where none stayed.

    `request` is a sha256 over what was asked for; `synth` is the record itself where one synthesis is shown, and null
    in lists. It has succeeded when there is a record: whether the set passes is the record's `verdict`.
    """

    schema: Literal["tunegate.synth-job/1"] = "tunegate.synth-job/1"
    id: str
    request: str
    state: EvaluationState
    progress: SynthProgress = msgspec.field(default_factory=SynthProgress)
    timeline: list[EvaluationMoment] = []
    error: EvaluationError | None = None
    synth_id: str | None = None
    dataset_id: str | None = None
    synth: SynthReport | None = None
