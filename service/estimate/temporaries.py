"""Tensors that live only for a moment: the backward pass of a layer, cast copies of weights, DoRA's products."""

from __future__ import annotations

from service.estimate import activations
from service.estimate.adapters import adapter_parameters
from service.estimate.notation import Case, once, per_length
from service.models.architecture import Linear
from service.models.parameters import layer_linear_elements, linears

SOURCE = "transformers 5.23.0 modelling code; aten/src/ATen/native/cuda/SoftMax.cu"
CAST_SOURCE = "torch autocast weight cache"
DORA_SOURCE = "peft 0.21.2 tuners/lora/dora.py"

# (bytes, bytes per token)
Line = tuple[int, int]


@per_length
def backward_layer(case: Case) -> int:
    """tau: working set of one layer's backward pass, bytes per token."""
    h, i, m = case.model.hidden, case.model.intermediate, case.m
    down = activations.down_input(case)
    # gradients of the product and of both its factors, when what the last matrix kept is free again; before that the
    # gradient of the adapter's input beside all that is kept
    tau = case.rho * h + max(3 * m * i - down, case.adapter_bytes_read * i if down and case.low_rank else 0)
    if case.dora:
        # the gradients of DoRA's two products and of their sum, in the wider of both types
        outs = [module.size_out for module in case.adapted(case.reading("mlp"))]
        tau = max(tau, case.rho * h + 3 * max(m, case.u) * max(outs, default=0) - down)
    if case.run.kernel in {"eager", "math"}:
        softmax = case.model.heads * case.length * _softmax_bytes(case)
        gradients = 2 * case.attends * case.model.q
        tau = max(tau, activations.attention(case) - activations.layer(case) + softmax + gradients)
    return tau


def _softmax_bytes(case: Case) -> int:
    # sigma: gradient 4 + result e + the CUDA kernel's own product 4 (CPU kernels have none), less what is kept
    if case.run.cuda:
        return 12 if case.attends == 4 else 8
    return 8 if case.attends == 4 else 6


def cast_weights(case: Case, *, head_read: bool = True) -> int:
    """C: copies of weights in another type that the graph holds; those of the head from the end of the forward on."""
    layers = 1 if case.run.checkpointing else case.model.layers
    dropped = _dropout_weights(case, layers)
    if not case.run.autocast:
        return dropped
    head = 2 * case.head_elements if head_read else 0
    adapters = 2 * adapter_parameters(case) if case.u == 4 and not case.run.checkpointing else 0
    if case.full:
        return 2 * case.linear_elements + head if case.w == 4 else 0
    if case.quantised:
        return (head if case.rho == 4 else 0) + adapters + dropped
    if case.w == 4:
        # frozen fp32 weights: the copy stays alive in the graph, for one layer only under checkpointing
        return 2 * layers * layer_linear_elements(case.model) + head + adapters + dropped
    return adapters + dropped


@once
def cast_of_layer(case: Case) -> int:
    """What one layer holds of C while full fine-tuning differentiates it, its last matrix done."""
    if not (case.full and case.run.autocast and case.w == 4):
        return 0
    return 2 * (layer_linear_elements(case.model) - down_elements(case))


@once
def down_elements(case: Case) -> int:
    """Elements of the matrix whose gradient comes first in a layer."""
    return sum(module.elements for module in case.reading("down"))


def _dropout_weights(case: Case, layers: int) -> int:
    """DoRA with dropout multiplies by the plain weight once more, in the type of the adapter."""
    if not (case.dora and case.run.dropout):
        return 0
    if not case.quantised and case.w == case.u and not (case.run.autocast and case.u == 4):
        return 0
    elements = sum(module.elements for module in case.adapted(linears(case.model)))
    return elements * case.adapter_bytes_read * layers


@once
def cast_at_loss(case: Case) -> int:
    """What of C is left when the loss is differentiated: under checkpointing no layer's graph holds its copies."""
    if not case.run.checkpointing:
        return cast_weights(case)
    return 2 * case.head_elements if case.run.autocast and case.rho == 4 else 0


@once
def cast_in_backward(case: Case) -> int:
    """What of C the backward pass of the last layer holds, whose copies checkpointing has made anew."""
    if not case.run.checkpointing:
        return cast_weights(case)
    return cast_of_layer(case) if case.full else cast_weights(case, head_read=False)


def backward_bytes(case: Case) -> int:
    """The working set of one layer's backward pass; a 4-bit matrix is made plain once more for it."""
    working = case.tokens * backward_layer(case)
    if not case.quantised:
        return working
    kept = activations.down_input(case)
    inner = case.rho * case.model.hidden + (case.m + case.w) * case.model.intermediate - kept
    return max(working, case.tokens * inner + case.w * down_elements(case))


def module_forward(case: Case) -> int:
    """The largest moment of a 4-bit or DoRA module's forward pass, with what its layer keeps until then, in bytes."""
    kept, tokens = (0, activations.attention(case), activations.layer(case)), case.tokens
    return max([fixed + (kept[until] + each) * tokens for until, fixed, each in _forward_lines(case)])


def largest_of(lines: list[Line], case: Case) -> int:
    """The largest of these for the tokens of the case, 0 where there is none."""
    tokens = case.tokens
    return max([fixed + each * tokens for fixed, each in lines], default=0)


@once
def _forward_lines(case: Case) -> list[tuple[int, int, int]]:
    found = []
    for module in linears(case.model):
        until, kept = _kept_until(case, module)
        found += [(until, fixed, kept + _read(case, module) + each) for fixed, each in _moment(case, module)]
    return found


def _read(case: Case, module: Linear) -> int:
    """Bytes per token of what the module is given, where the layer keeps a copy of it or nothing."""
    arrives = {"o": case.e, "down": case.m}.get(module.reads, case.rho)
    kept_itself = bool(case.adapted([module])) and not case.run.dropout and not case.casts(arrives)
    return 0 if kept_itself or module.reads == "o" else arrives * module.size_in


def _moment(case: Case, module: Linear) -> list[Line]:
    found = [(0, 0)]
    if case.quantised:
        # the plain matrix, and autocast's copy; its product, that in the input's type, and the clone that peft makes
        answers = case.e if module.reads == "o" else case.m
        matrix = case.w * module.elements + (2 * module.elements if case.run.autocast and case.w == 4 else 0)
        product = case.adapter_bytes_read if case.run.autocast else case.w
        found = [(matrix, module.size_out * (product + (answers if answers != product else 0)))]
    return found + (dora_module(case, module) if case.dora and case.adapted([module]) else [])


def _kept_until(case: Case, module: Linear) -> tuple[int, int]:
    """(which, more): bytes per token kept when a module begins beside nothing, attention's (1) or the layer's (2).

    The module's plain result is among them.
    """
    h, i = case.model.hidden, case.model.intermediate
    start = activations.norm(case)
    if module.reads == "attention":
        return 0, start + activations.kept_inputs(case, h, [module], arrives=case.rho) + case.m * module.size_out
    if module.reads == "o":
        return 1, case.e * h
    if module.reads == "down":
        return 2, case.m * h - activations.own_outputs(case, module)
    inputs = activations.kept_inputs(case, h, case.reading("mlp"), arrives=case.rho)
    return 1, start + inputs + case.m * i


def dora_module(case: Case, module: Linear) -> list[Line]:
    """The identity matrix that the low-rank product is made from, and either the norm's products or the results."""
    width, n = module.size_in, module.elements
    arrives = {"o": case.e, "down": case.m}.get(module.reads, case.rho)
    x = arrives if case.quantised and case.run.autocast else case.u
    plain = x * n if case.quantised or case.w != x else 0
    identity = case.adapter_bytes_read * width**2
    made = case.u * width**2 + (identity if case.run.autocast and case.u == 4 else 0)
    result = max(case.u, case.adapter_bytes_read, case.e if module.reads == "o" else case.m)
    before = identity + x * n + plain
    return [(max(made, before + 2 * x * n), 0), (before, 3 * result * module.size_out)]
