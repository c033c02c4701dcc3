"""AdaLoRA's part of the loop: after each step, ranks move to the modules that need them."""

from __future__ import annotations

from typing import Any


def rank_allocator(model: Any) -> Any:
    """A `TrainerCallback`; the plain Trainer does not know AdaLoRA, and without this call no rank is ever pruned."""
    from transformers import TrainerCallback

    class RankAllocator(TrainerCallback):  # type: ignore[misc]
        def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Between the optimizer's step and the zeroing of gradients, which the allocation reads."""
            del args, control, kwargs
            model.base_model.update_and_allocate(state.global_step + 1)

    return RankAllocator()
