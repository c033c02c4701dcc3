"""The manifest: every file of an artifact with its hash, ONNX parity, evaluation, and the chain of ids."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from service.records.evaluation import Difference, Measure

MANIFEST = "manifest.json"


class Chain(msgspec.Struct, frozen=True):
    """The ids this artifact rests on; null where a record was not made."""

    decision: str | None
    lint_report: str | None
    estimate: str | None
    plan: str
    job: str | None
    # the manifest of the run that this one started from
    starts_from: str | None = None
    # what said how good the model is untuned, beside the run's own measures
    evaluation: str | None = None
    # what says how rows of the data were made by a model
    synth: list[str] = []


class ManifestFile(msgspec.Struct, frozen=True):
    """`path` is relative to the run folder, with forward slashes."""

    path: str
    sha256: str
    bytes: int
    kind: str


class BaseModel(msgspec.Struct, frozen=True):
    """What was tuned: `fingerprint` is over its files, `revision` a hub commit (null for a folder of no hub)."""

    name: str
    fingerprint: str | None
    revision: str | None = None


class Parity(msgspec.Struct, frozen=True):
    """ONNX against PyTorch (fp32, eager) on the same prompts; logits are unitless.

    Tokens are compared on PyTorch's own greedy text; of those that differ, `near_ties` are choices that PyTorch itself
    made by a hair. `batch_max_abs_logit_diff` is of a right-padded batch of two unequal prompts, `same_answers` counts
    prompts whose free greedy answers are equal token for token. A classifier's `predictions` are compared instead.
    """

    max_abs_logit_diff: float
    greedy_tokens_compared: int
    greedy_tokens_equal: int
    relative_logit_diff: float | None = None
    near_ties: int = 0
    batch_max_abs_logit_diff: float | None = None
    prompts: int | None = None
    same_answers: int | None = None
    predictions_compared: int | None = None
    predictions_equal: int | None = None


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Loss (nats per trained token) and exact answers through the graph, by `engine`, on rows of the named split.

    Of a classifier the loss per row or labelled word, and F1.
    """

    engine: str
    split: Literal["validation", "train"]
    rows: int
    loss: float
    reference_loss: float
    loss_increase: float
    loss_increase_limit: float
    exact_match: float | None = None
    exact_match_rows: int = 0
    f1: float | None = None
    reference_f1: float | None = None
    f1_drop_limit: float | None = None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Greedy decoding of one prompt (of an encoder: reading one row), beside PyTorch eager in the same process."""

    tokens_per_second: float
    torch_tokens_per_second: float
    times_torch: float
    threads: int
    prompt_tokens: int
    new_tokens: int
    machine: str


class Genai(msgspec.Struct, frozen=True, kw_only=True):
    """The folder in onnxruntime-genai: whether it answers like plain onnxruntime, and why not."""

    verified: bool
    why: str | None = None
    greedy_tokens_compared: int = 0
    greedy_tokens_equal: int = 0
    prompts_compared: int = 0
    prompts_equal: int = 0


class OnnxModel(msgspec.Struct, frozen=True):
    """One ONNX file; `verified` is false where the provider it was built for was not there to prove it on.

    `rope_switch` (LongRoPE) is the length past which a conversation must be prefilled again.
    """

    path: str
    route: str
    precision: str
    opset: int
    parity: Parity
    provider: str = "cpu"
    verified: bool = True
    proven_on: str | None = None
    quality: Quality | None = None
    latency: Latency | None = None
    genai: Genai | None = None
    rope_switch: int | None = None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A precision that missed its limits and is not in the artifact; `next` is the one to ask for instead."""

    precision: str
    why: str
    next: str | None
    parity: Parity | None = None
    quality: Quality | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The tuned model against the model before, row by row, with intervals; `measure` decides the gate.

    Values are means over rows, `row_loss` of each row's loss per trained token (nats). A difference is after minus
    before on the rows that both have. A gate of null: nothing could be compared, and `why`.
    """

    gate: Literal["passed", "failed"] | None
    why: str
    measure: str | None = None
    before: dict[str, Measure] = {}
    after: dict[str, Measure] = {}
    differences: list[Difference] = []
    settings: dict[str, Any] = {}  # seed, resamples, confidence, margin


class Evaluation(msgspec.Struct, frozen=True):
    """The same measures on the same validation rows before and after tuning (null: no validation data)."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None
    comparison: Comparison | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact's contents; `manifest.json` itself is not among `files`.

    `data` counts what became of the training rows: expanded, dropped, cut, tokens and trained tokens.
    `made_from` is the manifest that an artifact was exported from again; null for one that a run made.
    """

    schema: Literal["tunegate.manifest/1"] = "tunegate.manifest/1"
    id: str
    chain: Chain
    files: list[ManifestFile]
    onnx: list[OnnxModel]
    evaluation: Evaluation
    # rows, steps, losses, the validation curve, which step's weights were kept; null in older manifests
    training: dict[str, Any] | None = None
    data: dict[str, int] | None = None
    onnx_left_out: list[LeftOut] = []
    base_model: BaseModel | None = None
    made_from: str | None = None
