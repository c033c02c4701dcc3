"""How the arithmetic of a training run is done: types of numbers, attention, what is kept and what computed again."""

from __future__ import annotations

from typing import Literal

import msgspec

BaseType = Literal["fp32", "bf16", "fp16"]
Autocast = Literal["none", "bf16", "fp16"]
Attention = Literal["eager", "sdpa", "flash"]
Optimizer = Literal["adamw", "adamw_8bit", "adamw_paged_8bit"]
# methods whose trained values stand in the cache of keys and values, which layers that are computed again do not see
KEPT_IN_CACHE = ("PREFIX_TUNING", "CARTRIDGE")


class Compute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are those of a CPU; a plan for a GPU says what that one can do.

    `base_dtype` is the type of weights that are not trained, and of what a 4-bit base computes in; trained weights
    are fp32 (under ZeRO with 16-bit autocast they are DeepSpeed's: fp32 for the optimizer, rounded where they are
    saved). `autocast` is the type of matrix products. `checkpointing` computes the activations of a layer a second
    time in the backward pass instead of keeping them. `liger` replaces layers and loss by Liger's fused kernels.
    """

    base_dtype: BaseType = "fp32"
    autocast: Autocast = "none"
    attention: Attention = "eager"
    checkpointing: bool = False
    optimizer: Optimizer = "adamw"
    liger: bool = False

    @property
    def exact(self) -> bool:
        """Whether everything is computed in fp32."""
        return self.base_dtype == "fp32" and self.autocast == "none"
