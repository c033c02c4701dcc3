"""Floating-point operations of matrix products in one training step: per token, per pair of tokens, per pass.

A product of (m, k) with (k, n) counts 2 m k n. Norms, activations, the optimizer and dequantisation multiply nothing
that counts here. Held against torch.utils.flop_counter on real models, to the last operation.
"""

from __future__ import annotations

import msgspec

from service.estimate.notation import LOW_RANK, MAGNITUDE, Run, is_target
from service.models.architecture import Linear
from service.models.matmuls import Matmuls

SOURCE = "2 per multiply-add; torch 2.13.0 utils/flop_counter.py; transformers 5.23.0; peft 0.21.2 tuners/lora"


class Work(msgspec.Struct, frozen=True):
    """`token` per token that goes through the model, `pair` per token and token of its row, `micro_batch` per pass."""

    token: int
    pair: int
    micro_batch: int

    def total(self, *, tokens: float, pairs: float, passes: float) -> float:
        """FLOPs of so many tokens, pairs (the sum of squared row lengths) and forward-backward passes."""
        return self.token * tokens + self.pair * pairs + self.micro_batch * passes


def work_of(model: Matmuls, run: Run) -> Work:
    """Forward, backward and, with checkpointing, the second forward."""
    adapted = _adapted(model, run)
    weights = 2 * (model.layers * model.layer_elements + model.head_elements)
    adapters = model.layers * _adapter(adapted, run)
    # weight gradients only where weights are trained
    token = (3 if run.technique == "full" else 2) * weights + 3 * adapters - _unneeded_gradients(model, adapted, run)
    micro_batch = model.layers * sum(_weight_norm(one, run) for one in adapted)
    if _recomputes_base(run):
        token += 2 * model.layers * sum(2 * one.elements for one in adapted)
    if run.checkpointing:
        token += model.layers * _again(model, adapted, run)
        micro_batch *= 2
    return Work(token, model.layers * _scores(model, run), micro_batch)


def _adapted(model: Matmuls, run: Run) -> list[Linear]:
    if run.technique not in LOW_RANK:
        return []
    targets = run.adapter_targets
    return [one for one in model.dense if targets is None or is_target(one.name, targets)]


def _adapter(adapted: list[Linear], run: Run) -> int:
    """2 r (in + out) for each pair of matrices."""
    return sum(2 * run.adapter_r * (one.size_in + one.size_out) for one in adapted)


def _unneeded_gradients(model: Matmuls, adapted: list[Linear], run: Run) -> int:
    """Without trained weights below it, the first layer's input has no gradient; checkpointing makes it have one.

    Left out: where keys or values of the first layer are not adapted, their product in attention's backward (1/4 of
    the backward of one layer's attention).
    """
    if run.technique not in LOW_RANK or run.checkpointing:
        return 0
    first = [one for one in model.dense if one.reads == "attention"]
    skipped = sum(2 * one.elements for one in first)
    skipped += sum(2 * run.adapter_r * one.size_in for one in first if one in adapted)
    # DoRA with dropout multiplies the input with the base weight a second time
    return skipped + (sum(2 * one.elements for one in first if one in adapted) if _recomputes_base(run) else 0)


def _again(model: Matmuls, adapted: list[Linear], run: Run) -> int:
    """The second forward of a layer ends when everything that backward needs is there: before its last product."""
    last = None if model.recomputed_whole else model.dense[-1]
    whole = 2 * model.layer_elements + _adapter(adapted, run)
    if _recomputes_base(run):
        whole += sum(2 * one.elements for one in adapted)
    if last is None or (last in adapted and run.technique in MAGNITUDE):
        return whole
    return whole - 2 * (run.adapter_r * last.size_out if last in adapted else last.elements)


def _weight_norm(module: Linear, run: Run) -> int:
    """DoRA multiplies both factors for the norm of the weight: an identity of `in` rows through A, then through B."""
    if run.technique not in MAGNITUDE:
        return 0
    return 2 * run.adapter_r * module.size_in * (module.size_in + module.size_out)


def _recomputes_base(run: Run) -> bool:
    return run.technique in MAGNITUDE and run.dropout


def _scores(model: Matmuls, run: Run) -> int:
    """Q K^T and the product with V; causal fused kernels skip what the mask forbids, a padding mask forces all of it.

    Backward: four products, five where the kernel computes the scores again.
    """
    forward = 4 * model.heads_width
    fused = run.kernel in {"flash", "efficient"}
    backward = 10 * model.heads_width if fused else 8 * model.heads_width
    total = forward + backward + (forward if run.checkpointing else 0)
    return total // 2 if run.kernel == "flash" else total
