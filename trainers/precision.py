"""The types that a plan computes in, and what this machine must have for them."""

from __future__ import annotations

from typing import Any

from trainers.contract import Compute, TrainPlan
from trainers.load import on_gpu
from trainers.problems import TrainerError


def autocast(compute: Compute, model: Any) -> Any:
    """A context in which forward passes run as the Trainer runs them."""
    import torch

    kind = {"none": None, "bf16": torch.bfloat16, "fp16": torch.float16}[compute.autocast]
    return torch.autocast(model.device.type, kind, enabled=kind is not None)


def require_device(plan: TrainPlan) -> None:
    """Refuse a plan that was made for a GPU where there is none.

    Raises:
        TrainerError: `target_cannot` with all of it.
    """
    compute = plan.compute
    wanted = {
        "autocast fp16": compute.autocast == "fp16",
        "base_dtype fp16": compute.base_dtype == "fp16",
        "flash attention": compute.attention == "flash",
        "adamw_paged_8bit": compute.optimizer == "adamw_paged_8bit",
        "liger": compute.liger,
    }
    found = [name for name, given in wanted.items() if given]
    if found and not on_gpu():
        raise TrainerError(
            "target_cannot",
            f"The plan asks for {', '.join(found)}, and PyTorch sees no GPU here.",
            remedy="Plan again on this machine, or look why the GPU is not seen.",
        )
