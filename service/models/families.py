"""What distinguishes one model family's decoder layer from another's: the flags that the arithmetic needs."""

from __future__ import annotations

from typing import Literal

import msgspec

Norm = Literal["rms", "gemma", "layer"]
Mlp = Literal["gated", "gated_fused", "plain"]

# read off transformers 5.23.0 models/*/modeling_*.py
READ_FROM = "transformers 5.23.0 models/*/modeling_*.py"


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One `model_type`; `validated` = activations checked against the exact simulator."""

    norm: Norm = "rms"
    norms_per_layer: int = 2
    qkv_bias: bool = False
    fused_qkv: bool = False
    qk_norm: bool = False
    mlp: Mlp = "gated"
    all_bias: bool = False
    learned_positions: bool = False
    # the rotation ends in a concatenation, so that attention answers head by head and its output is copied
    rotation_joins: bool = False
    tied_by_default: bool = False
    # scores and logits pass through a tanh unless the config says null, which the fused attention of torch cannot do
    softcaps: bool = False
    # every so many layers one looks at all tokens, the others at a window of them; 1 = all layers have the window
    window_period: int = 0
    window_by_default: int = 0
    validated: bool = True
    # why there is no formula for the activations; parameters are counted all the same
    unsized: str = ""


FAMILIES: dict[str, Family] = {
    "llama": Family(),
    "mistral": Family(window_period=1, window_by_default=4096),
    "qwen2": Family(qkv_bias=True),
    "qwen3": Family(qk_norm=True),
    "phi3": Family(fused_qkv=True, mlp="gated_fused", rotation_joins=True, window_period=1),
    "gemma": Family(norm="gemma", tied_by_default=True),
    "gemma2": Family(
        norm="gemma", norms_per_layer=4, tied_by_default=True, softcaps=True, window_period=2, window_by_default=4096
    ),
    "gemma3_text": Family(
        norm="gemma", norms_per_layer=4, qk_norm=True, tied_by_default=True, window_period=6, window_by_default=4096
    ),
    "smollm3": Family(tied_by_default=True),
    "gpt2": Family(
        norm="layer", fused_qkv=True, mlp="plain", all_bias=True, learned_positions=True, tied_by_default=True,
        validated=False, unsized="dropout inside its layers, and a layer norm that no formula here was checked with",
    ),
}  # fmt: skip


def family_names() -> str:
    """The families with a formula, as a list for people."""
    return ", ".join(name for name, family in FAMILIES.items() if not family.unsized)


def has_formula(model_type: str) -> bool:
    """Whether the memory of this family has a formula."""
    family = FAMILIES.get(model_type)
    return family is not None and not family.unsized
