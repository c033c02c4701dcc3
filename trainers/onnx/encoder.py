"""An encoder with its head as ONNX, by torch.onnx: logits of whole rows at once, without a cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainers.classification.evaluation import batches, unpadded
from trainers.classification.samples import Sample, padded
from trainers.onnx.dynamo import traced
from trainers.onnx.graph import CPU

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_AXES = {0: "batch_size", 1: "sequence_length"}
_TIMED_PASSES = 16
_TIMED_SECONDS = 5.0


def export_encoder(merged: Path, task: str) -> Any:
    """The fp32 graph as an onnx.ModelProto.

    Inputs are input_ids and attention_mask, and token_type_ids where model and tokenizer have them, all of
    (batch_size, sequence_length); the output is logits: (batch_size, labels), or (batch_size, sequence_length, labels).
    """
    import torch
    import transformers

    automatic = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "token-classification": transformers.AutoModelForTokenClassification,
    }[task]
    model = automatic.from_pretrained(
        merged, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()  # fmt: skip
    tokenizer = transformers.AutoTokenizer.from_pretrained(merged, local_files_only=True)
    types = (getattr(model.config, "type_vocab_size", 0) or 0) > 1 and _INPUTS[2] in tokenizer.model_input_names
    names = list(_INPUTS if types else _INPUTS[:2])
    # sizes that differ from one another and from 1, or the exporter would take two axes for one
    example = tuple((torch.zeros if name == _INPUTS[2] else torch.ones)(2, 7, dtype=torch.long) for name in names)
    axes = tuple(_AXES for _ in names)
    return traced(_of_tensors(model), example, axes=axes, inputs=names, outputs=["logits"])


def _of_tensors(model: Any) -> Any:
    """The model as a module of tensors by place."""
    import torch

    class OfTensors(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            return self.model(input_ids=input_ids, attention_mask=attention_mask, **types).logits

    return OfTensors().eval()


class OnnxEncoder:
    """The graph in plain onnxruntime; `threads` = 0 leaves their number to it."""

    def __init__(self, folder: Path, *, provider: str = CPU, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=[provider])
        self._inputs = [one.name for one in self._session.get_inputs()]

    def logits(self, samples: Sequence[Sample], *, pad_id: int) -> list[Any]:
        """fp32 logits of each sample, in the same padded batches as PyTorch's."""
        import numpy as np

        found = []
        for batch in batches(samples):
            inputs = padded(batch, pad_id)
            (logits,) = self._session.run(["logits"], {name: inputs[name].numpy() for name in self._inputs})
            found += unpadded(batch, logits.astype(np.float32))
        return found


def rows_per_second(read: Any) -> float:
    """How often `read()` is done in a second, on the thread that calls."""
    read()  # the first call also allocates
    started = time.perf_counter()
    done = 0
    while done < _TIMED_PASSES and time.perf_counter() - started < _TIMED_SECONDS:
        done += 1
        read()
    return done / (time.perf_counter() - started)
