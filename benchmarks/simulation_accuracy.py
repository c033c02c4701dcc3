"""The formula tier against the simulated tier: allocated memory of 90 runs over seven families of models.

Run: python benchmarks/simulation_accuracy.py [ROWS] (all: about a quarter of an hour on two cores; ROWS: only so many).
The simulation runs the model's own class, peft and optimizer (tests/trainers/simulation holds it against real memory).
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from service.data import rule_files
from service.settings import load_settings
from service.verbs.estimate import estimate, read_inputs

MODELS = (
    "llama-3.2-1b", "qwen2.5-0.5b", "phi-3-mini-4k", "qwen3-4b", "mistral-7b-v0.3", "gemma-7b", "llama-3.1-8b",
    "phi-4", "smollm2-135m", "qwen2.5-7b",
)  # fmt: skip
PLAIN: dict[str, Any] = {"checkpointing": False, "autocast": "none"}
SETTINGS: tuple[dict[str, Any], ...] = (
    {"techniques": ["full"], "base_dtype": "fp32"},
    {"techniques": ["full"], "micro_batch": 2, "seq_len": 512} | PLAIN,
    {"techniques": ["full"], "seq_len": 1024, "keep_logits": True} | PLAIN,
    {"techniques": ["full"], "optimizer": "adamw_8bit", "autocast": "none"},
    {"techniques": ["full"], "optimizer": "adamw", "padded": False, "autocast": "none"},
    {"techniques": ["full"], "optimizer": "sgd", "grad_accum": 4, "autocast": "none"},
    {"techniques": ["lora"]},
    {"techniques": ["lora"], "seq_len": 1024} | PLAIN,
    {"techniques": ["lora"], "micro_batch": 2, "adapter": {"dtype": "bf16"}} | PLAIN,
    {"techniques": ["lora"], "adapter": {"r": 64, "dropout": 0.1}, "checkpointing": False},
    {"techniques": ["lora"], "attention": "eager", "seq_len": 1024, "padded": False},
    {"techniques": ["qlora"]},
    {"techniques": ["qlora"], "kbit_prepare": False, "seq_len": 1024} | PLAIN,
    {"techniques": ["qlora"], "micro_batch": 4, "seq_len": 512, "double_quant": False},
    {"techniques": ["dora"]},
    {"techniques": ["dora"], "seq_len": 512} | PLAIN,
    {"techniques": ["qdora"], "seq_len": 1024},
    {"techniques": ["prompt"], "padded": False} | PLAIN,
)


def rows() -> list[dict[str, Any]]:
    """Every second setting of each model, so that each setting meets five models."""
    return [
        {"model": name, "gpu": "A100-80GB", "seq_len": 2048} | settings
        for i, name in enumerate(MODELS)
        for j, settings in enumerate(SETTINGS)
        if (i + j) % 2 == 0
    ]


def main(argv: list[str]) -> int:
    """Print a line per run as it ends, then the errors."""
    rules, settings = rule_files(), load_settings()
    asked = rows()[: int(argv[0])] if argv else rows()
    errors = []
    print(f"{len(asked)} runs, Python {platform.python_version()}; GiB allocated: simulated, formula, error")
    for row in asked:
        records = [
            estimate(read_inputs(row | {"tier": tier}), rules=rules, settings=settings)[0]
            for tier in ("simulated", "formula")
        ]
        simulated, formula = (one.peak.allocated_gib for one in records)
        errors.append(100 * (formula - simulated) / simulated)
        rest = {name: value for name, value in row.items() if name not in {"model", "gpu", "techniques"}}
        print(
            f"  {row['model']:<16}{row['techniques'][0]:<7}{simulated:>9.3f}{formula:>9.3f}{errors[-1]:>+8.2f} %  "
            f"{records[0].phase} {records[1].phase}  {rest}",
            flush=True,
        )
    sizes = sorted(map(abs, errors))
    print(
        f"absolute error: median {statistics.median(sizes):.2f} % (goal 0.2), p90 {sizes[int(0.9 * len(sizes))]:.2f} % "
        f"(goal 1), largest {sizes[-1]:.2f} % (goal 5)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
