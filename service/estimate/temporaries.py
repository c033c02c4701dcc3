"""Tensors that live only for a moment: the backward pass of a layer, cast copies of weights, DoRA's products."""

from __future__ import annotations

from service.estimate import activations
from service.estimate.adapters import adapter_parameters
from service.estimate.notation import Case
from service.models.parameters import layer_linear_elements, linears

SOURCE = "transformers 5.23.0 modelling code; aten/src/ATen/native/cuda/SoftMax.cu"
CAST_SOURCE = "torch autocast weight cache"
DORA_SOURCE = "peft 0.21.2 tuners/lora/dora.py"


def backward_layer(case: Case) -> int:
    """tau: working set of one layer's backward pass, bytes per token."""
    h, i, e = case.model.hidden, case.model.intermediate, case.e
    tau = e * (2 * h + 3 * i)
    if case.casts_inputs and not case.run.autocast:
        tau = 4 * (h + i) + e * (h + 2 * i)
    if case.run.kernel in {"eager", "math"}:
        softmax = case.model.heads * case.length * _softmax_bytes(case)
        tau = max(tau, activations.attention(case) - activations.layer(case) + softmax + 2 * e * case.model.q)
    return tau


def _softmax_bytes(case: Case) -> int:
    # sigma: gradient 4 + result e + the CUDA kernel's own product 4 (CPU kernels have none), less what is kept
    if case.run.cuda:
        return 12 if case.e == 4 else 8
    return 8 if case.e == 4 else 6


def cast_weights(case: Case, *, head_read: bool = True) -> int:
    """C: 16-bit copies of fp32 weights that autocast holds; those of the head from the end of the forward pass on."""
    if not case.run.autocast:
        return 0
    head = 2 * case.head_elements if head_read else 0
    adapters = 2 * adapter_parameters(case) if case.u == 4 and not case.run.checkpointing else 0
    if case.full:
        return 2 * case.linear_elements + head if case.w == 4 else 0
    if case.kbit:
        return head + adapters
    if case.w == 4:
        # frozen fp32 weights: the copy stays alive in the graph, for one layer only under checkpointing
        kept = layer_linear_elements(case.model) if case.run.checkpointing else case.linear_elements
        return 2 * kept + head + adapters
    return adapters


def cast_in_backward(case: Case) -> int:
    """What of C is left when the loss is differentiated: under checkpointing no layer's graph holds its copies."""
    if case.full and case.w == 4 and case.run.autocast and case.run.checkpointing:
        return 2 * case.head_elements
    return cast_weights(case)


def dora_forward(case: Case) -> int:
    """The identity matrix and four weight-size fp32 products of the largest adapted module."""
    modules = case.adapted(linears(case.model))
    return max((4 * one.size_in**2 + 16 * one.elements for one in modules), default=0)
