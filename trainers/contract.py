"""What a trainer is given and what it gives back: TrainPlan in, Progress lines out, Result at the end."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trainers.compute import KEPT_IN_CACHE, Attention, Autocast, BaseType, Compute, Optimizer
from trainers.failure import FAILED, OTHER_LOST, FailedRank, Failure
from trainers.measured import MeasuredShape, Measurement, MeasurementQuestion, OutOfMemory, Reading
from trainers.onnx_results import (
    GenaiResult,
    LatencyResult,
    OnnxLeftOut,
    OnnxResult,
    ParityResult,
    Precision,
    Provider,
    QualityResult,
)
from trainers.simulated import Kernel, LiveGroup, Simulation, SimulationQuestion, StepQuestion
from trainers.tasks import ENCODERS, PEFT_TASKS, TASKS, Task, label_name, label_order, unfit_model
from trainers.transfer import Transfer, TransferredFile
from trainers.zero_sizes import ZERO_SIZES, ZeroSizes

# what is told of ONNX files, arithmetic, memory and tasks is part of the contract, in files of its own
__all__ = [
    "ENCODERS", "FAILED", "KEPT_IN_CACHE", "ONNX_PRECISIONS", "OTHER_LOST", "PEFT_TASKS", "PHASES", "STARTED_PLAN",
    "TASKS", "ZERO_SIZES", "Adapter", "Attention", "Autocast", "BaseType", "Blocker", "ChatTemplate", "Check",
    "Choice", "Compute", "DatasetRef", "Dpo", "EvaluationSettings", "FailedRank", "Failure", "GenaiResult",
    "Hyperparameters", "Kernel", "LatencyResult", "LiveGroup", "MeasuredShape", "Measurement",
    "MeasurementQuestion", "Metric", "OnnxLeftOut", "OnnxResult", "Optimizer", "OutOfMemory", "Outputs", "Override",
    "ParityResult", "Precision", "Progress", "Provider", "QualityResult", "Reading", "Result", "Simulation",
    "SimulationQuestion", "StartsFrom", "StepQuestion", "Task", "TrainPlan", "Transfer", "TransferredFile",
    "ZeroSizes", "cannot_run", "label_name", "label_order", "unfit_model",
]  # fmt: skip


class DatasetRef(msgspec.Struct, frozen=True, kw_only=True):
    """A JSONL file of chats or labelled rows: `path` on the machine that reads it, `id` when the service stores it."""

    path: str | None = None
    id: str | None = None
    sha256: str


class Adapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """LoRA-family shape; `targets` is "all-linear" or module names.

    `rslora` scales by alpha / sqrt(r) instead of alpha / r; `init` starts from the base's own main directions
    (PiSSA: singular vectors, OLoRA: QR); `loraplus_ratio` is LoRA+'s learning rate of B over that of A.
    """

    r: int = 16
    alpha: int | float = 32
    dropout: float = 0.0
    targets: list[str] | Literal["all-linear"] = "all-linear"
    rslora: bool = False
    init: Literal["default", "pissa", "olora"] = "default"
    loraplus_ratio: float | None = None


class Dpo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290), its sigmoid loss.

    `beta` is how dear it is to leave the model as it was; `label_smoothing` the share of preferences taken to be the
    wrong way round (conservative DPO); `sft_weight` adds so many times the cross-entropy per token of the preferred
    answer (Pang et al. 2024, arXiv 2404.19733).
    """

    beta: float = 0.1
    label_smoothing: float = 0.0
    sft_weight: float = 0.0


class Hyperparameters(msgspec.Struct, frozen=True, kw_only=True):
    """`batch_size` is global examples per optimizer step; learning_rate = base_learning_rate x multiplier.

    `peft` is the PeftConfig of technique "peft": an object with `peft_type` and that config's own fields.
    `max_tokens` is the longest sample in tokens (null: the model's context), `overlong` what becomes of a longer one:
    refused with its line, dropped, or cut at its end; never silently, and never so that nothing trained is left.
    `packing` puts the rows of one forward pass one after the other into as few sequences as hold them, none longer
    than the longest of them; each row sees itself alone. Rows per forward pass and per optimizer step, their order,
    the number of steps and the losses are those of the same plan without packing (but for the draws of dropout): it
    only leaves out padding.
    """

    batch_size: int = 8
    micro_batch: int = 8
    learning_rate_multiplier: float = 1.0
    base_learning_rate: float
    learning_rate: float
    n_epochs: int = 3
    seed: int = 42
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_tokens: int | None = None
    adapter: Adapter | None = None
    peft: dict[str, Any] | None = None
    # steps between checkpoints; null = at epoch ends or every five minutes, for at most 2.5 % of the time
    save_steps: int | None = None
    # steps between measurements on the validation rows; null = at the end of each epoch (the last step always counts)
    eval_steps: int | None = None
    # stop after so many measurements without a better validation loss; null = never
    early_stopping: int | None = None
    # which weights become the result: those of the last step, or of the lowest validation loss
    keep: Literal["last", "best"] = "last"
    overlong: Literal["refuse", "drop", "cut"] = "refuse"
    packing: bool = False
    # of method "dpo"; batch_size and micro_batch then count pairs
    dpo: Dpo | None = None


class Check(msgspec.Struct, frozen=True):
    """A style predicate: the share of answers that the pattern matches from start to end (re.DOTALL)."""

    name: str
    pattern: str


# how generated answers can be held against the expected ones, beside exact match
Metric = Literal["bleu", "chrf", "token_f1"]


class EvaluationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the model is measured before and after, on the validation rows."""

    max_rows: int = 64
    max_new_tokens: int = 128
    checks: list[Check] = []
    metrics: list[Metric] = []


# how an ONNX file was made: by onnxruntime-genai's model builder, or by torch.onnx (plain onnxruntime only)
GENAI_BUILDER, TORCH_DYNAMO = "genai-builder", "torch-dynamo"

# what each execution provider can run; the builder makes fp16 for "cpu" too, but that graph fails when it is run
ONNX_PRECISIONS: dict[str, tuple[Precision, ...]] = {
    "cpu": ("fp32", "int8", "int4"),
    "cuda": ("fp32", "fp16", "int8", "int4"),
    "dml": ("fp16", "int4"),
}


class Outputs(msgspec.Struct, frozen=True):
    """ONNX precisions to build, and the onnxruntime execution provider that will run them."""

    onnx: list[Precision] = msgspec.field(default_factory=lambda: ["fp32"])
    provider: Provider = "cpu"


def cannot_run(outputs: Outputs) -> str | None:
    """Why these precisions do not run on that provider and what does, or None."""
    allowed = ONNX_PRECISIONS[outputs.provider]
    wrong = [precision for precision in dict.fromkeys(outputs.onnx) if precision not in allowed]
    if not wrong:
        return None
    elsewhere = [name for name, has in ONNX_PRECISIONS.items() if set(wrong) <= set(has)]
    other = f"; {', '.join(wrong)}: provider {' or '.join(elsewhere)}" if elsewhere else ""
    return (
        f"ONNX {', '.join(wrong)} cannot run on the {outputs.provider} provider (it has: {', '.join(allowed)}{other})"
    )


class ChatTemplate(msgspec.Struct, frozen=True):
    """A jinja chat template that takes the place of the model's own; it travels with everything that is made."""

    sha256: str
    text: str


class Blocker(msgspec.Struct, frozen=True):
    code: str
    detail: str
    remedy: str
    overridable: bool = True


class Override(msgspec.Struct, frozen=True):
    code: str
    reason: str


class Choice(msgspec.Struct, frozen=True):
    """A value that nobody asked for: what was chosen instead, and why."""

    name: str
    value: bool | int | float | str | list[str] | None
    why: str


class StartsFrom(msgspec.Struct, frozen=True, kw_only=True):
    """The finished run that training goes on from: its adapter on the same base, or its tuned model as the base.

    `manifest` is the id of that run's manifest, `path` its folder on the machine that trains, `job` the service's job
    that made it (null for a folder), `base_model` the name of the model that the first run of all tuned.
    """

    manifest: str
    kind: Literal["adapter", "model"]
    base_model: str
    path: str | None = None
    job: str | None = None


class TrainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a trainer or a cloud job needs. A plan with blockers does not launch."""

    schema: Literal["tunegate.plan/1"] = "tunegate.plan/1"
    id: str
    decision: str | None
    lint_report: str | None
    estimate: str | None
    target: str
    model: str
    model_fingerprint: str | None
    technique: str
    sharding: str
    method: Literal["sft", "dpo"] = "sft"
    dataset: DatasetRef
    validation: DatasetRef | None
    hyperparameters: Hyperparameters
    evaluation: EvaluationSettings = msgspec.field(default_factory=EvaluationSettings)
    outputs: Outputs = msgspec.field(default_factory=Outputs)
    allow_download: bool = False
    # processes that train together, one per GPU or share of the CPU; under DeepSpeed where `sharding` says so
    processes: int = 1
    # ZeRO keeps the optimizer's state in host memory; "zero3-offload" does so for the weights too
    offload_optimizer: bool = False
    cost: dict[str, Any] | None = None
    blockers: list[Blocker] = []
    overrides: list[Override] = []
    choices: list[Choice] = []
    chat_template: ChatTemplate | None = None
    model_revision: str | None = None
    compute: Compute = msgspec.field(default_factory=Compute)
    # the model may bring code of its own, and it is run: whoever made the plan said so
    trust_remote_code: bool = False
    # null: training begins with the base model as it is
    starts_from: StartsFrom | None = None
    task: Task = "chat"
    # of a classification: the classes (or tags) by their ids in the model
    labels: list[str] = []
    # the record of an evaluation that says how good the model is untuned; null: only what this run measures itself
    evaluation_id: str | None = None
    # the records of the syntheses that wrote rows of the dataset or the validation data
    synth: list[str] = []


# the plan that a run folder belongs to, in its .work
STARTED_PLAN = "started-plan.json"
PHASES = ("baseline", "train", "merge", "export", "parity", "evaluate")


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of progress.jsonl, numbered from 1 across restarts; never holds training text.

    A run that was interrupted goes on in the same file: a `log` record says "resumed at step N", a
    phase that is entered again is said again, and every step has one record, written when it was done
    first (steps after the last checkpoint are repeated without a second record). `end` closes one try.
    `validation_loss` (of method sft: nats per trained token) comes with a `log` record and the step it was measured
    after, and so does in `measures` whatever else the method measures on the way.
    """

    n: int
    event: Literal["phase", "step", "log", "end"]
    at: str
    phase: str | None = None
    step: int | None = None
    total: int | None = None
    loss: float | None = None
    learning_rate: float | None = None
    epoch: float | None = None
    tokens: int | None = None
    message: str | None = None
    validation_loss: float | None = None
    measures: dict[str, float] | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """result.json, written last and atomically: the only proof of success."""

    status: Literal["succeeded", "stopped", "failed"]
    plan: str
    error: Failure | None = None
    evaluation_before: dict[str, Any] | None = None
    evaluation_after: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    onnx: list[OnnxResult] = []
    versions: dict[str, str] = {}
    onnx_left_out: list[OnnxLeftOut] = []
    # by measure a number per measured row, in one order before and after; null where a row has none
    scores_before: dict[str, list[float | None]] = {}
    scores_after: dict[str, list[float | None]] = {}
