"""Which attention kernel runs, and whether keys and values are repeated to the query heads for it."""

from __future__ import annotations

from service.estimate.notation import Kernel

# flash kernels need compute capability 8.0 (observed on torch 2.6; to be looked at again with each torch)
FLASH_CAPABILITY = 8.0


def attention_that_runs(attention: str, *, caps_scores: bool) -> str:
    """The attention that transformers runs: torch's fused one knows no softcap, so such a class runs eagerly.

    Source: transformers 5.23.0 models/gemma2/modeling_gemma2.py (_supports_sdpa).
    """
    return "eager" if caps_scores and attention == "sdpa" else attention


def choose_kernel(
    attention: str, *, padded: bool, grouped: bool, half: bool, capability: float, cuda: bool
) -> tuple[Kernel, bool]:
    """(kernel, repeated K/V). `grouped` = fewer KV heads than query heads, `half` = 16-bit activations."""
    if attention == "eager":
        return "eager", True
    if attention == "flash":
        return "flash", False
    if padded:
        return "efficient", True
    if not cuda or (half and capability >= FLASH_CAPABILITY):
        return "flash", False
    # the efficient kernel refuses un-expanded K/V, so the math kernel stores the score matrix
    return ("math", True) if grouped else ("efficient", False)
