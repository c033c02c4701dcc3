"""Measures a graph on the rows themselves: loss per trained token and exact answers, through onnxruntime."""

from __future__ import annotations

from typing import Any

from trainers.contract import QualityResult
from trainers.labels import IGNORED, LabelledRow
from trainers.onnx.graph import OnnxCausalLM
from trainers.onnx.limits import limits
from trainers.onnx.reference import Reference


def measure(
    reference: Reference, onnx: OnnxCausalLM, tokenizer: Any, precision: str, *, max_new_tokens: int
) -> QualityResult:
    """The loss over the reference's rows, and the share of the first answers that equal the wanted text."""
    loss = _loss(reference.rows, onnx)
    exact = [
        tokenizer.decode(onnx.generate(ids, max_new_tokens=max_new_tokens), skip_special_tokens=True).strip()
        == wanted.strip()
        for ids, wanted in reference.asked
    ]
    return QualityResult(
        split=reference.split,
        rows=len(reference.rows),
        loss=loss,
        reference_loss=reference.loss,
        loss_increase=loss - reference.loss,
        loss_increase_limit=limits()[precision].loss_increase,
        exact_match=sum(exact) / len(exact) if exact else None,
        exact_match_rows=len(exact),
    )


def _loss(rows: list[LabelledRow], onnx: OnnxCausalLM) -> float:
    """Mean cross-entropy (nats) per trained token over all rows together, one row at a time."""
    import numpy as np

    total, count = 0.0, 0
    for row in rows:
        logits, _ = onnx.start(row.input_ids)
        labels = np.array(row.labels[1:])
        places = np.flatnonzero(labels != IGNORED)
        kept = logits[places].astype(np.float64)
        kept -= kept.max(axis=1, keepdims=True)
        chosen = kept[np.arange(len(places)), labels[places]]
        total += float((np.log(np.exp(kept).sum(axis=1)) - chosen).sum())
        count += len(places)
    return total / count if count else float("nan")
