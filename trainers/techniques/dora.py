"""DoRA: LoRA that learns the direction of a weight, with its length as a trained vector of its own."""

from __future__ import annotations

from trainers.techniques.lora import Lora


class Dora(Lora):
    """LoRA with magnitudes."""

    dora = True
