"""Adapter parameters: low-rank pairs, DoRA magnitudes, virtual tokens."""

from __future__ import annotations

from service.estimate.notation import Case, once
from service.models.parameters import linears, weight_tensors

SOURCE = "peft 0.21.2 tuners/lora/layer.py, tuners/lora/dora.py, tuners/prompt_tuning"


@once
def adapter_tensors(case: Case) -> list[int]:
    """Elements of every trained adapter tensor."""
    if case.run.technique == "prompt":
        return [case.run.virtual_tokens * case.model.hidden]
    layer: list[int] = []
    for module in case.adapted(linears(case.model)):
        layer += [case.run.adapter_r * module.size_in, case.run.adapter_r * module.size_out]
        if case.dora:
            layer.append(module.size_out)
    return layer * case.model.layers


@once
def adapter_parameters(case: Case) -> int:
    """P_ad."""
    return sum(adapter_tensors(case))


@once
def trained_parameters(case: Case) -> int:
    """P_tr: everything for full fine-tuning, else the adapter."""
    return case.parameters if case.full else adapter_parameters(case)


def adapter_bytes(case: Case) -> int:
    """W_ad."""
    return adapter_parameters(case) * case.u


@once
def largest_trained(case: Case) -> int:
    """Elements of the largest tensor that is trained."""
    return max(weight_tensors(case.model) if case.full else adapter_tensors(case), default=0)
