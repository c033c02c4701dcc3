"""QLoRA: LoRA on a base in 4 bits; merged into the dequantised base, which is the one it was trained on."""

from __future__ import annotations

from typing import Any

from trainers.contract import TrainPlan
from trainers.techniques.four_bit import dequantised, load_four_bit, prepared
from trainers.techniques.lora import Lora


class Qlora(Lora):
    """LoRA on 4 bits."""

    def load(self, plan: TrainPlan) -> Any:
        """The 4-bit base."""
        return load_four_bit(plan)

    def unquantised(self, plan: TrainPlan) -> Any:
        """The 4-bit base, dequantised: merging into the original weights would give another function."""
        return dequantised(plan)

    def wrap(self, model: Any, plan: TrainPlan, *, steps: int) -> Any:
        """The prepared 4-bit base with its adapter."""
        return super().wrap(prepared(model), plan, steps=steps)
