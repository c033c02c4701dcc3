"""The optimizers of an estimate, all of them real."""

from __future__ import annotations

import importlib.util
from typing import Any

from trainers.problems import TrainerError
from trainers.simulation.optimizers import optimizer as of_torch

_RATE = 1e-5


def optimizer(name: str, parameters: list[Any], *, cuda: bool) -> Any:
    """The named optimizer over parameters.

    Raises:
        TrainerError: `missing_extra` without bitsandbytes, `target_cannot` for paged state on a CPU.
    """
    if not name.endswith("_8bit"):
        return of_torch(name, parameters, cuda=cuda)
    if importlib.util.find_spec("bitsandbytes") is None:
        raise TrainerError("missing_extra", f"{name} needs bitsandbytes.", remedy="pip install 'tunegate[train]'")
    paged = name == "adamw_paged_8bit"
    if paged and not cuda:
        raise TrainerError("target_cannot", f"{name}: paged memory is CUDA's.", remedy="Optimizer adamw_8bit.")
    from bitsandbytes.optim import AdamW

    return AdamW(parameters, lr=_RATE, optim_bits=8, is_paged=paged)
