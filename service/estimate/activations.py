"""Tensors that the forward pass keeps for the backward pass: bytes per token, of one layer and of all."""

from __future__ import annotations

from service.estimate.notation import Case, once, per_length
from service.models.architecture import Linear
from service.models.parameters import linears

SOURCE = "transformers 5.23.0 modelling code, integrations/sdpa_attention.py; peft 0.21.2 layers"


@once
def norm(case: Case) -> int:
    """N(h)."""
    h, family = case.model.hidden, case.model.family.norm
    if family == "layer":
        return case.rho * h + 8
    trained = (4 if family == "gemma" else case.rho) * h
    return 4 * h + 4 + (trained if case.full else 0)


def kept_inputs(case: Case, width: int, modules: list[Linear], *, arrives: int) -> int:
    """I(d; M): what the modules that read one tensor of `width`, in `arrives` bytes an element, keep of it."""
    if case.full:
        return case.e * width * (len(modules) if case.rho > case.e else 1)
    adapted = len(case.adapted(modules))
    if not adapted:
        return 0
    kept = case.adapter_bytes_read
    if case.run.dropout:
        return (kept + 1) * width * adapted
    return kept * width * (adapted if case.casts(arrives) else 1)


@once
def qkv(case: Case) -> int:
    """Queries, keys and values as attention reads them."""
    model, e = case.model, case.attends
    # a single head is repeated as a view, which the plain products of eager and math attention copy
    repeated = case.run.repeated_kv and (model.kv_heads > 1 or case.run.kernel != "efficient")
    keys = e * (model.q if repeated else model.k)
    if repeated and model.kv_heads < model.heads:
        values = e * model.q
    else:
        # a fused projection keeps its whole output alive through the value's view
        values = e * (model.q + 2 * model.k if model.family.fused_qkv else model.k)
    return e * model.q + keys + values


@per_length
def scores(case: Case) -> int:
    """Attention's own tensors: output and log-sum-exp, or the score matrix."""
    model, e, length = case.model, case.e, case.length
    # the output projection reads what attention gave; only the fused kernels keep that themselves
    read = case.full or case.shares_output
    if case.run.kernel == "eager":
        capped = e if model.caps_scores else 0
        return model.heads * length * ((6 if e == 2 else 4) + capped) + (e * model.q if read else 0)
    if case.run.kernel == "math":
        return case.attends * model.heads * length + (e * model.q if read else 0)
    mask = e * length if case.run.padded and case.run.kernel == "efficient" else 0
    copy = e * model.q if read and model.family.rotation_joins else 0
    return e * model.q + 4 * model.heads + mask + copy


@once
def head_norms(case: Case) -> int:
    """QKN: the norms of queries and keys, head by head."""
    model = case.model
    if not model.family.qk_norm:
        return 0
    trained = (4 if model.family.norm == "gemma" else case.e) if case.full else 0
    return (4 + trained) * (model.q + model.k) + 4 * (model.heads + model.kv_heads)


@per_length
def attention(case: Case) -> int:
    """A_attn: the first norm up to and including the output projection."""
    return norm(case) + _mixing(case) + _output(case)


@per_length
def _mixing(case: Case) -> int:
    inputs = kept_inputs(case, case.model.hidden, case.reading("attention"), arrives=case.rho)
    return inputs + qkv(case) + head_norms(case) + scores(case)


@once
def _output(case: Case) -> int:
    """What the output projection keeps beside the tensor that attention keeps anyway."""
    output = case.reading("o")
    copies = bool(case.adapted(output)) and not case.shares_output
    return kept_inputs(case, case.model.q, output, arrives=case.e) if copies else 0


@per_length
def layer(case: Case) -> int:
    """A: everything one layer keeps per token."""
    extra_norms = 2 * norm(case) if case.model.family.norms_per_layer == 4 else 0
    return attention(case) + norm(case) + extra_norms + mlp(case) + low_rank(case)


@once
def mlp(case: Case) -> int:
    """The feed-forward network with the inputs of its matrices."""
    model = case.model
    hidden = (8 if model.family.mlp == "plain" else 3) * case.m * model.intermediate
    inputs = kept_inputs(case, model.hidden, case.reading("mlp"), arrives=case.rho)
    return inputs + hidden + down_input(case)


@per_length
def frozen_start(case: Case) -> int:
    """What the first layer does not keep: nothing before its first adapter has a gradient."""
    if case.full or case.run.technique == "prompt":
        return 0
    extra = norm(case) if case.model.family.norms_per_layer == 4 else 0
    if case.adapted(case.reading("attention")):
        return norm(case) + _frozen_scores(case)
    if case.adapted(case.reading("o")):
        return norm(case) + _mixing(case) - (case.e * case.model.q if case.shares_output else 0)
    found = attention(case) + norm(case) + extra
    return found if case.adapted(case.reading("mlp")) else found + mlp(case) - down_input(case)


def _frozen_scores(case: Case) -> int:
    """Plain products keep one side only for the gradient of the other."""
    if case.run.kernel != "eager" or case.model.family.fused_qkv:
        return 0
    adapted = {module.name for module in case.adapted(case.reading("attention"))}
    found = 0 if "v_proj" in adapted or case.e == 4 else case.e * case.model.heads * case.length
    return found + sum(case.e * case.model.q for name in ("q_proj", "k_proj") if name not in adapted)


@once
def down_input(case: Case) -> int:
    """What the last matrix of the feed-forward network keeps of its input."""
    return kept_inputs(case, case.model.intermediate, case.reading("down"), arrives=case.m)


@once
def low_rank(case: Case) -> int:
    """AD: outputs of the A matrices; DoRA also keeps both outputs of every adapted module."""
    return sum(own_outputs(case, module) for module in case.adapted(linears(case.model)))


def own_outputs(case: Case, module: Linear) -> int:
    """What one adapted module keeps of its own results."""
    narrow = case.adapter_bytes_read
    result = case.e if module.reads == "o" else case.m
    wide = (narrow if case.run.dropout else result) + narrow if case.dora else 0
    return case.run.adapter_r * narrow + module.size_out * wide


@per_length
def all_layers(case: Case) -> int:
    """A_all: every layer's, or only its input under checkpointing."""
    if case.run.checkpointing:
        return case.rho * case.model.hidden * case.model.layers + _masks(case)
    windowed = case.windowed
    start = frozen_start(case.masked if windowed else case)
    plain = (case.model.layers - windowed) * layer(case) if case.model.layers > windowed else 0
    return plain + (windowed * layer(case.masked) if windowed else 0) - start


def _masks(case: Case) -> int:
    """Masks over all pairs of tokens, which checkpointed layers are given again; eager attention's are numbers."""
    windowed = case.windowed > 0
    masked = windowed or (case.run.padded and case.run.kernel == "efficient")
    if case.run.kernel == "math" or not (case.run.kernel == "eager" or masked):
        return 0
    kinds = 1 + (0 < case.model.windowed_layers < case.model.layers and not windowed)
    return kinds * case.length * (case.rho if case.run.kernel == "eager" else 1)


@once
def head(case: Case) -> int:
    """The final norm and, when trained, the head's input."""
    return norm(case) + (case.e * case.model.hidden if case.full else 0)
