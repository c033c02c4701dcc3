"""Counts parameters exactly: weight matrices of a layer, biases, norms, embeddings."""

from __future__ import annotations

from functools import lru_cache

from service.models.architecture import Architecture, Linear

_NORM_TENSORS = {"rms": 1, "gemma": 1, "layer": 2}


@lru_cache(maxsize=64)
def linears(model: Architecture) -> tuple[Linear, ...]:
    """The weight matrices of one decoder layer, named as in the model's own code."""
    h, i, q, k = model.hidden, model.intermediate, model.q, model.k
    if model.model_type == "gpt2":
        return (
            Linear("c_attn", h, q + 2 * k, "attention"),
            Linear("attn.c_proj", q, h, "o"),
            Linear("c_fc", h, i, "mlp"),
            Linear("mlp.c_proj", i, h, "down"),
        )
    attention = [
        Linear("q_proj", h, q, "attention"), Linear("k_proj", h, k, "attention"), Linear("v_proj", h, k, "attention"),
    ]  # fmt: skip
    if model.family.fused_qkv:
        attention = [Linear("qkv_proj", h, q + 2 * k, "attention")]
    up = [Linear("gate_proj", h, i, "mlp"), Linear("up_proj", h, i, "mlp")]
    if model.family.mlp == "gated_fused":
        up = [Linear("gate_up_proj", h, 2 * i, "mlp")]
    return (*attention, Linear("o_proj", q, h, "o"), *up, Linear("down_proj", i, h, "down"))


@lru_cache(maxsize=64)
def layer_linear_elements(model: Architecture) -> int:
    """Elements of all weight matrices of one layer."""
    return sum(linear.elements for linear in linears(model))


def layer_vectors(model: Architecture) -> list[int]:
    """Sizes of the one-dimensional parameters of one layer: biases, then norms."""
    h, q, k, family = model.hidden, model.q, model.k, model.family
    found: list[int] = []
    if family.all_bias:
        found += [linear.size_out for linear in linears(model)]
    elif family.qkv_bias:
        found += [q, k, k]
    elif model.attention_bias:
        found += [q, k, k, h]
    if model.mlp_bias and not family.all_bias:
        found += [linear.size_out for linear in linears(model) if linear.reads in {"mlp", "down"}]
    if family.qk_norm:
        found += [model.head_dim] * 2
    return found + [h] * (family.norms_per_layer * _NORM_TENSORS[family.norm])


def layer_parameters(model: Architecture) -> int:
    """All parameters of one decoder layer."""
    return layer_linear_elements(model) + sum(layer_vectors(model))


def weight_tensors(model: Architecture) -> list[int]:
    """Elements of every parameter tensor; their sum is the parameter count."""
    layer = [linear.elements for linear in linears(model)] + layer_vectors(model)
    embeddings = [model.vocabulary * model.hidden] * (1 if model.tied else 2)
    final_norm = [model.hidden] * _NORM_TENSORS[model.family.norm]
    positions = [model.positions * model.hidden] if model.positions else []
    return layer * model.layers + embeddings + final_norm + positions


@lru_cache(maxsize=64)
def parameters(model: Architecture) -> int:
    """P: the exact parameter count."""
    fixed = sum(weight_tensors(_one_layer(model))) - layer_parameters(model)
    return model.layers * layer_parameters(model) + fixed


def _one_layer(model: Architecture) -> Architecture:
    import msgspec

    return msgspec.structs.replace(model, layers=1)
