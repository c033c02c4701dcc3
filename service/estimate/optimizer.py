"""Optimizer state bytes and the temporary of a step."""

from __future__ import annotations

from service.estimate.adapters import adapter_tensors, trained_parameters
from service.estimate.notation import Case, once
from service.models.parameters import weight_tensors

SOURCE = "torch optim/adamw.py (states in the parameter dtype); bitsandbytes optim/optimizer.py"

# bitsandbytes: tensors below min_8bit_size stay fp32; blocks of 256; paged state starts at 100,000 elements
_MIN_8BIT = 4096
_BLOCK = 256
_MIN_PAGED = 100_000
# row and column factors of Adafactor, as a share of the gradient
_ADAFACTOR_SHARE = 0.01


@once
def optimizer_bytes(case: Case) -> int:
    """O: the state that stays on the device between steps."""
    name = case.run.optimizer
    if name in {"adamw_8bit", "adamw_paged_8bit"}:
        tensors = weight_tensors(case.model) if case.full else adapter_tensors(case)
        return sum(_state_8bit(elements, paged=name == "adamw_paged_8bit") for elements in tensors)
    trained = trained_parameters(case) * case.g
    if name in {"adamw", "adamw_fused"}:
        return 2 * trained
    return round(_ADAFACTOR_SHARE * trained) if name == "adafactor" else 0


@once
def step_bytes(case: Case) -> int:
    """The temporary of a step: foreach AdamW, torch's default on CUDA, holds one more copy."""
    foreach = case.run.optimizer == "adamw" and case.run.cuda
    return trained_parameters(case) * case.g if foreach else 0


def _state_8bit(elements: int, *, paged: bool) -> int:
    if elements < _MIN_8BIT:
        return 8 * elements
    scales = 8 * -(-elements // _BLOCK)
    return scales if paged and elements >= _MIN_PAGED else 2 * elements + scales
