"""Which one this process is among those that train together, as the launcher's variables name it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


def rank() -> int:
    """Which one this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes what is written once."""
    return rank() == 0


def join_ranks() -> None:
    """Join the others under DeepSpeed; after the Trainer's arguments are made, and before a model is loaded.

    Without this call accelerate starts torch.distributed alone, and DeepSpeed takes the batch size of one process.
    """
    import torch
    from deepspeed import init_distributed

    init_distributed(dist_backend="nccl" if torch.cuda.is_available() else "gloo")


def stopping_together(stopping: Callable[[], bool]) -> Callable[[], bool]:
    """True in every process as soon as one was asked to stop; all of them have to ask at the same place."""
    import torch

    def any_stopping() -> bool:
        flag = torch.tensor([int(stopping())], device="cuda" if torch.cuda.is_available() else "cpu")
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        return bool(flag.item())

    return any_stopping


def parameter_count(parameter: Any) -> int:
    """Elements of a parameter, also of one of which this process holds a part (ZeRO-3)."""
    return int(getattr(parameter, "ds_numel", parameter.numel()))
