"""What a caller may say about a plan; everything left out is chosen and then recorded in the plan."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.errors import CODES, ErrorItem, suggestion
from service.launch.compute import ComputeRequest
from service.records.decision import SHARDINGS, TARGETS, TECHNIQUES
from trainers.contract import Adapter, Check, Dpo, Metric, Outputs, Override, Task

# the longest template of the well-known models has about 15,000 characters (2026-11-21)
_LONGEST_TEMPLATE = 1_000_000
BLOCKER_CODES = ("lint_errors", "pii_findings", "does_not_fit", "max_cost", "no_baseline_evaluation")


_MOST_PROCESSES = 1024
_MOST_MEASURED = 10_000_000


class HyperparameterRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wanted values; null = our default. `learning_rate` and `learning_rate_multiplier` exclude each other.

    `peft` is the PeftConfig of technique "peft" as an object: `peft_type` and that config's own fields. `dpo` are the
    settings of method "dpo", of which `batch_size` and `micro_batch` count pairs.
    """

    batch_size: int | None = None
    micro_batch: int | None = None
    learning_rate_multiplier: float | None = None
    learning_rate: float | None = None
    n_epochs: int | None = None
    seed: int | None = None
    warmup_ratio: float | None = None
    weight_decay: float | None = None
    max_grad_norm: float | None = None
    max_tokens: int | None = None
    adapter: Adapter | None = None
    peft: dict[str, Any] | None = None
    save_steps: int | None = None
    eval_steps: int | None = None
    early_stopping: int | None = None
    keep: Literal["last", "best"] | None = None
    overlong: Literal["refuse", "drop", "cut"] | None = None
    packing: bool | None = None
    dpo: Dpo | None = None


class EvaluationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to measure before and after; null = our default for the task."""

    max_rows: int | None = None
    max_new_tokens: int | None = None
    checks: list[Check] = []
    metrics: list[Metric] = []


class PlanChoices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The choices that CLI and HTTP share; `chat_template` is the text of one that replaces the model's own.

    `starts_from` is a finished run whose adapter or tuned model is trained on: its folder on the host, or over HTTP
    the id of a job. `model` may then be left out (the run's base), as technique, adapter and chat template (the
    run's); an adapter that is given is compared as a whole, but for dropout and loraplus_ratio, which are free.
    """

    model: str = ""
    technique: str | None = None
    sharding: str | None = None
    target: str | None = None
    hyperparameters: HyperparameterRequest = msgspec.field(default_factory=HyperparameterRequest)
    outputs: Outputs = msgspec.field(default_factory=Outputs)
    evaluation: EvaluationRequest = msgspec.field(default_factory=EvaluationRequest)
    max_cost: float | None = None
    overrides: list[Override] = []
    # null: one process, or with a sharding one per GPU and at least two
    processes: int | None = None
    offload_optimizer: bool = False
    chat_template: str | None = None
    compute: ComputeRequest = msgspec.field(default_factory=ComputeRequest)
    # sft: chats; dpo: preferences, and data that was linted with that method
    method: Literal["sft", "dpo"] = "sft"
    starts_from: str | None = None
    # null: what the rows are
    task: Task | None = None


class PlanRequest(PlanChoices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/plans`: the choices and the ids of stored records."""

    dataset_id: str
    decision_id: str | None = None
    validation_dataset_id: str | None = None
    # the record of an evaluation of the model before it is tuned
    evaluation_id: str | None = None


def wrong_values(choices: PlanChoices) -> list[ErrorItem]:
    """Every value outside the contract."""
    errors = [
        *_check_name("technique", choices.technique, TECHNIQUES),
        *_check_name("sharding", choices.sharding, SHARDINGS),
        *_check_name("target", choices.target, TARGETS),
        *_check_numbers(choices.hyperparameters),
        *(error for override in choices.overrides for error in _check_override(override)),
    ]
    if choices.processes is not None and not 1 <= choices.processes <= _MOST_PROCESSES:
        errors.append(ErrorItem("processes", str(choices.processes), f"1 to {_MOST_PROCESSES}"))
    if choices.max_cost is not None and choices.max_cost < 0:
        errors.append(ErrorItem("max_cost", str(choices.max_cost), ">= 0 (US dollars)"))
    if not choices.model:
        errors.append(ErrorItem("model", "nothing", "a model, or starts_from"))
    for field in ("max_rows", "max_new_tokens"):
        value = getattr(choices.evaluation, field)
        if value is not None and not 1 <= value <= _MOST_MEASURED:
            errors.append(ErrorItem(f"evaluation.{field}", str(value), f"1 to {_MOST_MEASURED}"))
    return errors + _check_template(choices.chat_template)


def _check_name(field: str, value: str | None, allowed: tuple[str, ...]) -> list[ErrorItem]:
    if value is None or value in allowed:
        return []
    return [ErrorItem(field, value, ", ".join(allowed), suggestion(value, allowed) or None)]


def _check_override(override: Override) -> list[ErrorItem]:
    errors = _check_name("overrides.code", override.code, BLOCKER_CODES)
    if not override.reason.strip():
        errors.append(ErrorItem(f"overrides.{override.code}", "no reason", "a reason in words; it stays in the record"))
    return errors


def _check_template(text: str | None) -> list[ErrorItem]:
    if text is None or (text.strip() and len(text) <= _LONGEST_TEMPLATE):
        return []
    seen = f"{len(text)} characters" if text.strip() else "an empty text"
    return [ErrorItem("chat_template", seen, f"a jinja chat template of up to {_LONGEST_TEMPLATE} characters")]


# (lowest, highest) inclusive; epochs 1 to 50 as in OpenAI's fine-tuning API schema
_RANGES: dict[str, tuple[float, float]] = {
    "batch_size": (1, 4096),
    "micro_batch": (1, 4096),
    "learning_rate_multiplier": (1e-4, 100),
    "learning_rate": (1e-8, 1),
    "n_epochs": (1, 50),
    "seed": (0, 2**32 - 1),
    "warmup_ratio": (0, 1),
    "weight_decay": (0, 1),
    "max_grad_norm": (0, 1000),
    "max_tokens": (8, 10_000_000),
    "save_steps": (1, 10_000_000),
    "eval_steps": (1, 10_000_000),
    "early_stopping": (1, 1000),
}


def _check_numbers(wanted: HyperparameterRequest) -> list[ErrorItem]:
    errors = []
    for field, (low, high) in _RANGES.items():
        value = getattr(wanted, field)
        if value is not None and not low <= value <= high:
            errors.append(ErrorItem(f"hyperparameters.{field}", str(value), f"{low:g} to {high:g}"))
    if wanted.learning_rate is not None and wanted.learning_rate_multiplier is not None:
        errors.append(
            ErrorItem(
                "hyperparameters",
                "learning_rate and learning_rate_multiplier",
                "one of the two",
                "The multiplier scales our base rate; an explicit rate stands alone.",
            )
        )
    if wanted.batch_size and wanted.micro_batch and wanted.batch_size % wanted.micro_batch:
        errors.append(
            ErrorItem(
                "hyperparameters.micro_batch",
                str(wanted.micro_batch),
                f"a divisor of batch_size {wanted.batch_size}",
            )
        )
    errors += _check_dpo(wanted.dpo) if wanted.dpo is not None else []
    return errors + (_check_adapter(wanted.adapter) if wanted.adapter is not None else [])


def _check_dpo(settings: Dpo) -> list[ErrorItem]:
    # from half on a smoothed preference would be the other one
    ranges: dict[str, tuple[float, float]] = {"beta": (1e-4, 100), "label_smoothing": (0, 0.5), "sft_weight": (0, 100)}
    errors = []
    for field, (low, high) in ranges.items():
        value = getattr(settings, field)
        if not low <= value <= high or (field == "label_smoothing" and value == high):
            below = "to below" if field == "label_smoothing" else "to"
            errors.append(ErrorItem(f"hyperparameters.dpo.{field}", str(value), f"{low:g} {below} {high:g}"))
    return errors


def _check_adapter(adapter: Adapter) -> list[ErrorItem]:
    errors = []
    # the ratio is of learning rates: B must not learn slower than A (LoRA+, arXiv 2402.12354)
    for field, low, high in (("r", 1, 65_536), ("alpha", 1, 1_000_000), ("loraplus_ratio", 1, 1000)):
        value = getattr(adapter, field)
        if value is not None and not low <= value <= high:
            errors.append(ErrorItem(f"hyperparameters.adapter.{field}", str(value), f"{low} to {high}"))
    if not 0 <= adapter.dropout < 1:
        errors.append(ErrorItem("hyperparameters.adapter.dropout", str(adapter.dropout), "0 to below 1"))
    if adapter.targets == []:
        errors.append(ErrorItem("hyperparameters.adapter.targets", "[]", '"all-linear" or module names'))
    return errors


assert set(BLOCKER_CODES).isdisjoint(CODES)  # blockers are states of a plan, problems are failures
