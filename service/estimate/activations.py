"""Tensors that the forward pass keeps for the backward pass: bytes per token, of one layer and of all."""

from __future__ import annotations

from service.estimate.notation import Case
from service.models.architecture import Linear
from service.models.parameters import linears

SOURCE = "transformers 5.23.0 modelling code, integrations/sdpa_attention.py; peft 0.21.2 layers"


def norm(case: Case) -> int:
    """N(h)."""
    h, family = case.model.hidden, case.model.family.norm
    if family == "layer":
        return case.rho * h + 8
    trained = (4 if family == "gemma" else case.rho) * h
    return 4 * h + 4 + (trained if case.full else 0)


def kept_inputs(case: Case, width: int, modules: list[Linear]) -> int:
    """I(d; M): what the modules that read one tensor of `width` keep of it."""
    if case.full:
        return case.e * width * (len(modules) if case.rho > case.e else 1)
    adapted = len(case.adapted(modules))
    if not adapted:
        return 0
    dropout = case.run.dropout
    if case.casts_inputs:
        copy = 2 if case.run.autocast else 4
        return (copy + dropout) * width * adapted
    return (case.e + 1) * width * adapted if dropout else case.e * width


def qkv(case: Case) -> int:
    """Queries, keys and values as attention reads them."""
    model, e, repeated = case.model, case.e, case.run.repeated_kv
    keys = e * (model.q if repeated else model.k)
    if repeated and model.kv_heads < model.heads:
        values = e * model.q
    else:
        # a fused projection keeps its whole output alive through the value's view
        values = e * (model.q + 2 * model.k if model.family.fused_qkv else model.k)
    return e * model.q + keys + values


def scores(case: Case) -> int:
    """Attention's own tensors: output and log-sum-exp, or the score matrix."""
    model, e, length = case.model, case.e, case.length
    if case.run.kernel == "eager":
        same_dtype = case.full or (bool(case.adapted(case.reading("o"))) and not case.casts_inputs)
        return model.heads * length * (6 if e == 2 else 4) + (e * model.q if same_dtype else 0)
    if case.run.kernel == "math":
        return e * model.heads * length + e * model.q
    mask = e * length if case.run.padded and case.run.kernel == "efficient" else 0
    return e * model.q + 4 * model.heads + mask


def attention(case: Case) -> int:
    """A_attn: the first norm up to and including the output projection."""
    model = case.model
    head_norms = (4 + (case.e if case.full else 0)) * (model.q + model.k) if model.family.qk_norm else 0
    output = case.reading("o")
    # fp32 adapters beside 16-bit weights read a copy, also where kbit preparation made the stream fp32: without it
    # the measured RTX 4080 row without checkpointing is 1.4 % above the formula, with it 0.4 % below
    copies = case.u == 4 and (case.w == 2 or case.run.autocast)
    reads_copy = bool(case.adapted(output)) and (copies or case.run.dropout)
    return (
        norm(case)
        + kept_inputs(case, model.hidden, case.reading("attention"))
        + qkv(case)
        + head_norms
        + scores(case)
        + (kept_inputs(case, model.q, output) if reads_copy else 0)
    )


def layer(case: Case) -> int:
    """A: everything one layer keeps per token."""
    model, e = case.model, case.e
    extra_norms = 2 * norm(case) if model.family.norms_per_layer == 4 else 0
    hidden = (8 if model.family.mlp == "plain" else 3) * e * model.intermediate
    return (
        attention(case)
        + norm(case)
        + kept_inputs(case, model.hidden, case.reading("mlp"))
        + extra_norms
        + hidden
        + kept_inputs(case, model.intermediate, case.reading("down"))
        + low_rank(case)
    )


def low_rank(case: Case) -> int:
    """AD: outputs of the A matrices; DoRA also keeps both outputs of every adapted module."""
    narrow = case.e if case.run.autocast else case.u
    wide = case.e + (case.e if case.run.autocast else 4) if case.dora else 0
    return sum(case.run.adapter_r * narrow + module.size_out * wide for module in case.adapted(linears(case.model)))


def all_layers(case: Case) -> int:
    """A_all: every layer's, or only its input under checkpointing."""
    if case.run.checkpointing:
        return case.rho * case.model.hidden * case.model.layers
    # the first norm of a frozen model sees an input without gradient and keeps nothing
    first = 0 if case.full or case.run.technique == "prompt" else norm(case)
    return case.model.layers * layer(case) - first


def head(case: Case) -> int:
    """The final norm and, when trained, the head's input."""
    return norm(case) + (case.e * case.model.hidden if case.full else 0)
