"""Which one this process is among those that train together, and how they agree; one alone agrees with itself."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")


def rank() -> int:
    """Which one this is, from 0, as the launcher's variables name it."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process speaks and writes for all."""
    return rank() == 0


def machine() -> int | None:
    """Which machine this process is on, from 0; None where the launcher does not say."""
    number = os.environ.get("NODE_RANK") or os.environ.get("GROUP_RANK") or ""
    return int(number) if number.isdigit() else None


def processes_here() -> int:
    """How many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def join_ranks() -> None:
    """Join the others under DeepSpeed; after the Trainer's arguments are made, and before a model is loaded.

    Without this call accelerate starts torch.distributed alone, and DeepSpeed takes the batch size of one process.
    """
    import torch
    from deepspeed import init_distributed

    init_distributed(dist_backend="nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(days=1))


def any_of_us(flag: bool) -> bool:  # noqa: FBT001 - a value, no switch
    """True in every process when it is true in one; all of them have to ask at the same place."""
    if world_size() == 1:
        return flag
    import torch

    seen = torch.tensor([int(flag)], device="cuda" if torch.cuda.is_available() else "cpu")
    torch.distributed.all_reduce(seen, op=torch.distributed.ReduceOp.MAX)
    return bool(seen.item())


def as_first(value: T | None) -> T | None:
    """The first process's value in every process."""
    if world_size() == 1:
        return value
    import torch

    box: list[Any] = [value]
    torch.distributed.broadcast_object_list(box)
    found: T | None = box[0]
    return found


def wait_for_all() -> None:
    """Go on when every process is here."""
    if world_size() > 1:
        import torch

        torch.distributed.barrier()


def parameter_count(parameter: Any) -> int:
    """Numbers in a parameter, also in one of which this process holds a part (ZeRO-3), or that is in 4 bits."""
    packed = type(parameter).__name__ == "Params4bit"  # two to a byte
    return int(getattr(parameter, "ds_numel", parameter.numel())) * (2 if packed else 1)
