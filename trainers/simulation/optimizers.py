"""The optimizers of the contract; bitsandbytes' 8-bit ones as what they keep, since they cannot run on fake tensors."""

from __future__ import annotations

from typing import Any

import torch

# bitsandbytes 0.50.2 optim/optimizer.py: smaller tensors stay in fp32, blocks of 256, paged from 100,000 values on
_SMALLEST, _BLOCK, _PAGED = 4096, 256, 100_000


def optimizer(name: str, parameters: list[Any], *, cuda: bool) -> Any:
    """The named optimizer over parameters."""
    from transformers.optimization import Adafactor

    if name == "sgd":
        return torch.optim.SGD(parameters, lr=1e-3, foreach=cuda)
    if name == "adafactor":
        return Adafactor(parameters, lr=1e-3, scale_parameter=False, relative_step=False)
    if name in ("adamw_8bit", "adamw_paged_8bit"):
        return EightBitState(parameters, paged=name == "adamw_paged_8bit")
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=1e-3, foreach=cuda)
    return torch.optim.AdamW(parameters, lr=1e-3, fused=True)


class EightBitState(torch.optim.Optimizer):  # type: ignore[misc]
    """Holds two 8-bit moments and their scales; large paged ones lie in unified memory, which no counter sees."""

    def __init__(self, parameters: list[Any], *, paged: bool) -> None:
        super().__init__(parameters, {})
        self._paged = paged

    def step(self, closure: Any = None) -> None:
        """Make the state of parameters that have none yet."""
        del closure
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is None or self.state[parameter]:
                continue
            count, state = parameter.numel(), self.state[parameter]
            if count < _SMALLEST:
                state["moments"] = torch.empty(2 * count)
                continue
            state["scales"] = torch.empty(2 * -(-count // _BLOCK))
            if not (self._paged and count >= _PAGED):
                state["moments"] = torch.empty(2 * count, dtype=torch.uint8)
