"""The decision: whether to fine-tune, how, where, why, and what would change the answer."""

from __future__ import annotations

from typing import Literal

import msgspec

FactScalar = bool | int | float | str
FactValue = FactScalar | list[str]

STEPS = (
    "build-evaluation", "keep-prompt", "prompt", "few-shot", "rag", "collect-data", "fine-tune", "rag-and-fine-tune",
)  # fmt: skip
TUNING_STEPS = ("fine-tune", "rag-and-fine-tune")
TECHNIQUES = ("full", "lora", "qlora", "dora", "qdora", "peft", "provider-managed")
SHARDINGS = ("none", "zero1", "zero2", "zero3", "zero3-offload")
TARGETS = ("local", "azure-openai", "azure-ml", "azure-serverless", "kaito")


class Fact(msgspec.Struct, frozen=True):
    """One fact; `from` is asked, assumed, or measured:<record id>."""

    name: str
    value: FactValue
    source: str = msgspec.field(name="from")


class Answer(msgspec.Struct, frozen=True):
    """The advice; technique, sharding and target are null unless the step tunes."""

    step: str
    technique: str | None = None
    sharding: str | None = None
    target: str | None = None


class Because(msgspec.Struct, frozen=True):
    rule: str
    why: str
    cite: list[str]


class FailedOn(msgspec.Struct, frozen=True):
    """The cell that ruled an option out: `value` did not pass `test`."""

    fact: str
    test: str
    value: FactValue


class Rejected(msgspec.Struct, frozen=True):
    option: str
    rule: str
    failed_on: FailedOn | None


class WouldChange(msgspec.Struct, frozen=True):
    """The nearest value of one fact that leads to another answer (null: something would then be asked)."""

    fact: str
    nearest: FactValue | str
    answer: Answer | None
    rule: str | None


class Caution(msgspec.Struct, frozen=True):
    rule: str
    text: str
    severity: Literal["high", "medium", "low"]


class Unknown(msgspec.Struct, frozen=True):
    fact: str
    ask: str


class Stale(msgspec.Struct, frozen=True):
    """A rule past its review date, or a model past (or near) a retirement date."""

    rule: str
    review_by: str
    text: str


class EditionDisagreement(msgspec.Struct, frozen=True):
    """One cell on which the editions differ; `changes_answer`: under another edition the answer is another one."""

    scenario: str
    technique: str
    values: dict[str, str]
    changes_answer: bool = False


class ModelAdvice(msgspec.Struct, frozen=True):
    """A base model that suits what was asked, the best first."""

    id: str
    title: str
    reasons: list[str]
    warnings: list[str]
    limits: str | None = None


class DecisionOverride(msgspec.Struct, frozen=True):
    code: str
    reason: str
    by: str


class Evidence(msgspec.Struct, frozen=True):
    """What a record that measured facts concluded, in its own words."""

    record: str
    says: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The decision record; its id is over facts + rules_revision + edition."""

    schema: Literal["tunegate.decision/1"] = "tunegate.decision/1"
    id: str
    made_at: str
    rules_revision: str
    edition: str
    editions_disagree: list[EditionDisagreement]
    facts: list[Fact]
    answer: Answer | None
    because: list[Because]
    rejected: list[Rejected]
    would_change: list[WouldChange]
    cautions: list[Caution]
    unknown: list[Unknown]
    stale: list[Stale]
    overrides: list[DecisionOverride]
    models: list[ModelAdvice] = []
    evidence: list[Evidence] = []
