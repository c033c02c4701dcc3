"""Tokens per second of one prompt on one thread, beside PyTorch's in the same process."""

from __future__ import annotations

import platform
from pathlib import Path

from trainers.contract import LatencyResult
from trainers.onnx.graph import OnnxCausalLM
from trainers.onnx.reference import TOKENS, Reference, timed


def latency(reference: Reference, folder: Path) -> LatencyResult:
    """Greedy decoding through the cache; what a person feels as speed, not what a server reaches in batches."""
    onnx = OnnxCausalLM(folder, threads=1)
    prompt = reference.prompts[0]
    logits, tokens = onnx.start(prompt.ids)

    def step(_: int) -> None:
        nonlocal logits, tokens
        logits, tokens = onnx.step(int(logits[-1].argmax()), tokens)

    speed = timed(step)
    return LatencyResult(
        tokens_per_second=round(speed, 1),
        torch_tokens_per_second=round(reference.tokens_per_second, 1),
        times_torch=round(speed / reference.tokens_per_second, 2),
        threads=1,
        prompt_tokens=len(prompt.ids),
        new_tokens=TOKENS,
        machine=f"{platform.system()} {platform.machine()}, CPU",
    )
