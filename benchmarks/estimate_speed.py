"""CPU of one estimate against one JSON decode of its inputs, and the cold start of the command against a bare process.

Run: python benchmarks/estimate_speed.py. Ratios of runs that take turns; absolute times mean nothing
on a shared machine.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

from service.data import rule_files
from service.settings import load_settings
from service.verbs.estimate import EstimateInputs, estimate

INPUTS = {
    "model": {
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
        "max_position_embeddings": 131072, "tie_word_embeddings": False,
    },
    "techniques": ["qlora"], "base_dtype": "bf16", "autocast": "bf16", "double_quant": True, "kbit_prepare": True,
    "adapter": {"r": 16, "targets": "all-linear", "dropout": 0.0, "dtype": "fp32"}, "micro_batch": 1, "seq_len": 2048,
    "padded": True, "grad_accum": 1, "checkpointing": True, "attention": "sdpa", "optimizer": "adamw_fused",
    "loss": "hf", "keep_logits": False, "gpus": 1, "gpu": "A100-80GB",
}  # fmt: skip
COMMAND = ["-m", "service", "estimate", "llama-3.1-8b", "--technique", "lora", "--format", "json"]
BARE = ["-c", "import msgspec, argparse"]
MOST_DECODES, MOST_STARTS = 400, 3
REPEATS, CALLS, STARTS = 9, 50, 9


def cpu(run: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times


def started(arguments: list[str]) -> float:
    """CPU seconds of one child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print both ratios; the exit code says whether they hold."""
    rules, settings = rule_files(), load_settings()
    raw = msgspec.json.encode(INPUTS)
    inputs = msgspec.json.decode(raw, type=EstimateInputs)
    turns = [
        (
            cpu(lambda: msgspec.json.decode(raw, type=EstimateInputs), 100 * CALLS),
            cpu(lambda: estimate(inputs, rules=rules, settings=settings), CALLS),
        )
        for _ in range(REPEATS)
    ]
    decode, whole = (min(column) for column in zip(*turns, strict=True))
    starts = [(started(BARE), started(COMMAND)) for _ in range(STARTS)]
    bare, command = (min(column) for column in zip(*starts, strict=True))
    print(f"Python {platform.python_version()}; least CPU of {REPEATS} and {STARTS} turns")
    print(f"one estimate: {whole / decode:.0f} decodes of its {len(raw)} bytes (at most {MOST_DECODES})")
    print(f"cold start of `{' '.join(COMMAND[2:])}`: {command / bare:.2f} bare processes (at most {MOST_STARTS})")
    return 0 if whole <= MOST_DECODES * decode and command <= MOST_STARTS * bare else 1


if __name__ == "__main__":
    sys.exit(main())
