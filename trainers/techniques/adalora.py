"""AdaLoRA's part of the loop: after each step, ranks move to the modules that need them."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback


class RankAllocator(TrainerCallback):  # type: ignore[misc]
    """The plain Trainer does not know AdaLoRA: without this call it trains, and never prunes."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Between the optimizer's step and the zeroing of gradients, which the allocation reads."""
        del args, control, kwargs
        self._model.base_model.update_and_allocate(state.global_step + 1)
