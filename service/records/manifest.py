"""The manifest: every file of an artifact with its hash, ONNX parity, evaluation, and the chain of ids."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Chain(msgspec.Struct, frozen=True):
    """The ids this artifact rests on; null where a record was not made."""

    decision: str | None
    lint_report: str | None
    estimate: str | None
    plan: str
    job: str | None


class ManifestFile(msgspec.Struct, frozen=True):
    """`path` is relative to the run folder, with forward slashes."""

    path: str
    sha256: str
    bytes: int
    kind: str


class Parity(msgspec.Struct, frozen=True):
    """ONNX against PyTorch (fp32, eager) on the same prompts; logits are unitless."""

    max_abs_logit_diff: float
    greedy_tokens_compared: int
    greedy_tokens_equal: int


class OnnxModel(msgspec.Struct, frozen=True):
    path: str
    route: str
    precision: str
    opset: int
    parity: Parity


class Evaluation(msgspec.Struct, frozen=True):
    """The same measures on the same validation rows before and after tuning (null: no validation data)."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact's contents; `manifest.json` itself is not among `files`.

    `data` counts what became of the training rows: expanded, dropped, cut, tokens and trained tokens.
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
