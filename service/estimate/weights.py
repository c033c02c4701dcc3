"""Weight bytes, as stored or quantised to NF4 with its scales."""

from __future__ import annotations

from service.estimate.notation import Case, once
from service.models.parameters import linears

SOURCE = "parameters x bytes; NF4: bitsandbytes functional.py (blocks of 64 and 256)"

_BLOCK = 64
_DOUBLE_BLOCK = 256


@once
def weight_bytes(case: Case) -> int:
    """W: matrices of the layers in 4 bits where quantised; embeddings, norms and head are not."""
    if not case.quantised:
        return case.parameters * case.w
    rest = case.parameters - case.linear_elements
    return case.linear_elements // 2 + scale_bytes(case) + rest * (4 if case.kbit else case.w)


@once
def scale_bytes(case: Case) -> int:
    """S: one scale per block of 64, itself quantised in blocks of 256 under double quantisation."""
    layer = 0
    for module in linears(case.model):
        blocks = -(-module.elements // _BLOCK)
        layer += blocks + 4 * -(-blocks // _DOUBLE_BLOCK) if case.run.double_quant else 4 * blocks
    return layer * case.model.layers
