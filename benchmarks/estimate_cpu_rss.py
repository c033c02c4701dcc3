"""Predicted memory on the CPU against the peak resident memory of real steps, each in a process of its own.

Run: python benchmarks/estimate_cpu_rss.py (needs the train extra, Linux; under a minute, 2 GiB).
A model with random weights takes three steps as our trainer does: fp32, eager attention, fused AdamW.
What is compared is the growth of the process after the libraries are loaded.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
from typing import Any

from service.estimate.notation import MIB, Case, Run
from service.estimate.phases import CONSTANT_BYTES, peak
from service.estimate.reserve import band
from service.models.architecture import read_architecture

CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 8000, "hidden_size": 512, "intermediate_size": 1408,
    "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": False,
}  # fmt: skip
SHAPES = [("full", 4, 256), ("full", 2, 512), ("lora", 4, 256), ("lora", 2, 512)]


def measure(technique: str, micro_batch: int, seq_len: int) -> dict[str, Any]:
    """Three real steps; returns the growth of the process's peak in MiB."""
    import torch

    torch.set_num_threads(2)
    _steps(technique, CONFIG | {"hidden_size": 64, "num_hidden_layers": 1}, micro_batch=1, seq_len=8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _steps(technique, CONFIG, micro_batch=micro_batch, seq_len=seq_len)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"growth_mib": (after - before) / 1024, "libraries_mib": before / 1024}


def _steps(technique: str, values: dict[str, Any], *, micro_batch: int, seq_len: int) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**values), attn_implementation="eager")
    if technique == "lora":
        model = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], fused=True)
    tokens = torch.randint(0, values["vocab_size"], (micro_batch, seq_len))
    for _ in range(3):
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def predicted_mib(technique: str, micro_batch: int, seq_len: int) -> float:
    """Allocated by formula, the constant included."""
    run = Run(
        technique=technique, micro_batch=micro_batch, seq_len=seq_len, weight_bytes=4, kernel="eager",
        repeated_kv=True, cuda=False, optimizer="adamw_fused",
    )  # fmt: skip
    return (peak(Case(read_architecture(CONFIG, where="bench"), run)).bytes + CONSTANT_BYTES) / MIB


def main() -> None:
    """One line per shape: measured growth, prediction, their ratio."""
    print(f"Python {platform.python_version()}, {platform.machine()}, fp32, eager; MiB, growth after loading libraries")
    print(f"{'technique':<10}{'b x s':>10}{'measured':>10}{'allocated':>11}{'ratio':>7}")
    ratio = band("eager", cuda=False)
    for technique, micro_batch, seq_len in SHAPES:
        arguments = [sys.executable, __file__, technique, str(micro_batch), str(seq_len)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        guess = predicted_mib(technique, micro_batch, seq_len)
        measured = found["growth_mib"]
        print(
            f"{technique:<10}{f'{micro_batch} x {seq_len}':>10}{measured:>10.0f}{guess:>11.0f}{measured / guess:>7.2f}"
        )
    print(f"libraries alone: {found['libraries_mib']:.0f} MiB; band used: P50 {ratio.p50}, P90 {ratio.p90}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
