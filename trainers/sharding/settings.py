"""What DeepSpeed is told: the configuration files beside this module, and the plan's offload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainers.contract import ZERO_SIZES, TrainPlan, ZeroSizes
from trainers.zero_sizes import settings as sizes_by_name

_FILES = Path(__file__).parent
# transformers puts the values that the Trainer has where a file says "auto"
SHARDINGS = ("zero1", "zero2", "zero3", "zero3-offload")


def is_sharded(plan: TrainPlan) -> bool:
    """Whether the plan trains under DeepSpeed."""
    return plan.sharding != "none"


def deepspeed_settings(plan: TrainPlan, sizes: ZeroSizes = ZERO_SIZES) -> dict[str, Any] | None:
    """DeepSpeed's configuration for a plan, None without sharding."""
    if not is_sharded(plan):
        return None
    settings: dict[str, Any] = json.loads((_FILES / f"{plan.sharding}.json").read_text())
    zero = settings["zero_optimization"]
    zero |= sizes_by_name(sizes, stage=zero["stage"])
    if plan.offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": False}
    return settings
