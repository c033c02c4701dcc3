"""What is told of each ONNX file that was built, or left out: the shapes in result.json and in the manifest."""

from __future__ import annotations

from typing import Literal

import msgspec

Precision = Literal["fp32", "fp16", "int8", "int4"]
Provider = Literal["cpu", "cuda", "dml"]


class ParityResult(msgspec.Struct, frozen=True, kw_only=True):
    """ONNX against fp32 PyTorch; `relative` is the difference over the largest reference logit.

    Tokens are compared one by one on PyTorch's own greedy text; of those that differ, `near_ties` fell on a choice
    that PyTorch itself all but tossed a coin for. `batch` is the same difference in a right-padded batch of two
    unequal prompts; `same_answers` counts prompts whose free greedy answers are equal token for token.

    A classifier has no greedy text: its `predictions` are compared (one per row, or per labelled word), and `batch` is
    of batches of rows of unequal lengths.
    """

    max_abs_logit_diff: float
    relative_logit_diff: float
    greedy_tokens_compared: int
    greedy_tokens_equal: int
    near_ties: int = 0
    batch_max_abs_logit_diff: float | None = None
    prompts: int | None = None
    same_answers: int | None = None
    predictions_compared: int | None = None
    predictions_equal: int | None = None


class QualityResult(msgspec.Struct, frozen=True, kw_only=True):
    """Loss (nats per trained token) through the ONNX graph itself, against PyTorch in fp32 on the same rows.

    A classifier's loss is per row or labelled word, and its `f1` counts: over classes, or over the entities of tags.
    """

    engine: str = "onnxruntime"
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


class LatencyResult(msgspec.Struct, frozen=True, kw_only=True):
    """Greedy decoding of one prompt through the cache, both engines in the same process on the same CPU.

    An encoder decodes nothing: of it the tokens of one row that are read in a second, and no new ones.
    """

    tokens_per_second: float
    torch_tokens_per_second: float
    times_torch: float
    threads: int
    prompt_tokens: int
    new_tokens: int
    machine: str


class GenaiResult(msgspec.Struct, frozen=True, kw_only=True):
    """The folder in onnxruntime-genai; `verified` is false where it does not answer alike, and `why` says what."""

    verified: bool
    why: str | None = None
    greedy_tokens_compared: int = 0
    greedy_tokens_equal: int = 0
    prompts_compared: int = 0
    prompts_equal: int = 0


class OnnxResult(msgspec.Struct, frozen=True, kw_only=True):
    """One built precision; `path` is relative to OUT.

    `verified` says whether it was proven on the provider it was built for; `proven_on` names where it was run. A
    conversation that grows past `rope_switch` tokens (LongRoPE) must be prefilled again there.
    """

    path: str
    route: str
    precision: str
    opset: int
    parity: ParityResult
    provider: Provider = "cpu"
    verified: bool = True
    proven_on: str | None = None
    quality: QualityResult | None = None
    latency: LatencyResult | None = None
    genai: GenaiResult | None = None
    rope_switch: int | None = None


class OnnxLeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A precision that was built and did not pass; `next` is the one to ask for instead."""

    precision: str
    why: str
    next: str | None
    parity: ParityResult | None = None
    quality: QualityResult | None = None
