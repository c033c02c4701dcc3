"""Random models and settings: the formula tier against the simulated tier, sorted by error, the worst last.

Run: python benchmarks/formula_search.py [RUNS] [SEED] [FAMILY,...] (default 300 0 and all; some minutes on one core).
Sizes are those of published models but for few layers, so that what lives only for a moment weighs more than it does
in whole models.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import sys
import time
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "DS_ACCELERATOR": "cpu"}
os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec

from service.data import rule_files
from service.estimate.defaults import settings_of
from service.estimate.hardware import hardware_table
from service.estimate.notation import MIB
from service.estimate.phases import CONSTANT_BYTES
from service.models.families import FAMILIES
from service.settings import load_settings
from service.verbs.estimate import estimate, read_inputs
from service.verbs.estimating.simulated import SimulatedModel, simulation_question

DEVICE = "A100-80GB"
# errors from so many percent on are shown with their parts
_SHOWN = 2
TECHNIQUES = ("full", "lora", "qlora", "dora", "qdora", "prompt")
SIZED = tuple(name for name, family in FAMILIES.items() if not family.unsized)
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")
_TARGETS: dict[str, tuple[str, ...]] = {
    "phi3": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
}


class Compared(msgspec.Struct, frozen=True):
    """One run: allocated bytes of both tiers, without the constant, and where each has its peak."""

    inputs: dict[str, Any]
    formula: int
    simulated: int
    phases: tuple[str, str]
    parts: dict[str, dict[str, float]]

    @property
    def error(self) -> float:
        """Percent of the simulated value; below zero where the formula says too little."""
        return 100 * (self.formula - self.simulated) / self.simulated


def random_config(draw: random.Random, family: str) -> dict[str, Any]:
    """A model of few layers with the widths of published ones."""
    head_dim = draw.choice((64, 96, 128, 256) if family.startswith("gemma") else (64, 64, 96, 128))
    kv_heads = draw.choice((1, 2, 4, 8, 8, 16))
    heads = kv_heads * draw.choice([n for n in (1, 2, 4, 7, 8, 16, 32) if 512 <= n * kv_heads * head_dim <= 5120])
    own = family.startswith(("gemma", "qwen3")) or family in {"llama", "mistral"}
    hidden, step = heads * head_dim, math.lcm(64, heads)
    if own and draw.random() < 0.5:
        hidden = step * max(1, round(draw.uniform(768, 4096) / step))
    shared = {"model_type": family, "vocab_size": 1000 * draw.choice((8, 32, 50, 100, 128, 152, 256))}
    return shared | {
        "hidden_size": hidden,
        "intermediate_size": 64 * round(hidden * draw.uniform(2.0, 6.0) / 64),
        "num_hidden_layers": draw.randint(2, 4),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim if own else hidden // heads,
        "max_position_embeddings": 8192,
        "sliding_window": draw.choice((512, 4096)),
        "tie_word_embeddings": draw.random() < 0.5,
        "pad_token_id": 0,
    }


def random_settings(draw: random.Random, family: str) -> dict[str, Any]:
    """What a caller might ask for on one GPU."""
    technique = draw.choice(TECHNIQUES)
    quantised = technique in {"qlora", "qdora"}
    names = _TARGETS.get(family, (*_ATTENTION, *_MLP))
    few = sorted(draw.sample(names, draw.randint(1, len(names))))
    low_rank = technique not in {"full", "prompt"}
    adapter: dict[str, Any] = {"dtype": draw.choice(("fp32", "fp32", "bf16"))} if technique != "full" else {}
    if low_rank:
        adapter |= {"r": draw.choice((4, 16, 64)), "dropout": draw.choice((0.0, 0.0, 0.1))}
        adapter["targets"] = few if draw.random() < 0.4 else "all-linear"
    elif technique == "prompt":
        adapter["virtual_tokens"] = draw.choice((8, 20, 100))
    return {
        "techniques": [technique],
        "gpu": DEVICE,
        "base_dtype": draw.choice(("bf16", "bf16", "fp32")),
        "autocast": draw.choice(("bf16", "bf16", "none")),
        **({"kbit_prepare": draw.random() < 0.7, "double_quant": draw.random() < 0.7} if quantised else {}),
        "adapter": adapter,
        "micro_batch": draw.choice((1, 1, 2, 4)),
        "seq_len": draw.choice((256, 512, 1024, 2048)),
        "padded": draw.random() < 0.5,
        "grad_accum": draw.choice((1, 1, 4)),
        "checkpointing": draw.random() < 0.5,
        "attention": draw.choice(("sdpa", "sdpa", "eager")),
        "optimizer": draw.choice(("adamw", "adamw_fused", "adamw_8bit", "adamw_paged_8bit", "sgd")),
        "keep_logits": draw.random() < 0.5,
    }


def random_inputs(draw: random.Random, families: tuple[str, ...] = SIZED) -> dict[str, Any]:
    """One whole question."""
    family = draw.choice(families)
    return {"model": random_config(draw, family)} | random_settings(draw, family)


def compare(raw: dict[str, Any]) -> Compared:
    """Both tiers for one question, the simulation in this process."""
    from trainers.simulation.simulate import simulate

    rules = rule_files()
    inputs = read_inputs(raw)
    (made,) = estimate(inputs, rules=rules, settings=load_settings())
    device = hardware_table(rules)[DEVICE]
    technique = raw["techniques"][0]
    values, _ = settings_of(inputs, technique, device=device, seq_len=2048)
    model = SimulatedModel("random", raw["model"])
    answer = simulate(simulation_question(inputs, technique, values, model=model, device=device))
    parts = {
        "formula": {term.term: round(term.gib * 1024, 1) for term in made.breakdown},
        "formula phases": {name: round(gib * 1024 - 32, 1) for name, gib in made.phases.items()},
        "simulated": {name: round(size / MIB, 1) for name, size in answer.categories.items()},
        "simulated phases": {name: round(size / MIB, 1) for name, size in answer.phases.items()},
    }
    formula = round(made.peak.allocated_gib * 2**30) - CONSTANT_BYTES
    return Compared(raw, formula, answer.allocated, (answer.phase, made.phase), parts)


def line(found: Compared) -> str:
    """One run for people."""
    rest = {name: value for name, value in found.inputs.items() if name not in {"model", "gpu", "techniques"}}
    family, technique = found.inputs["model"]["model_type"], found.inputs["techniques"][0]
    sizes = f"{found.simulated / MIB:>9.1f}{found.formula / MIB:>9.1f}"
    return f"{found.error:>+7.2f} %{sizes} {family} {technique} {'/'.join(found.phases)} {rest}"


def main(argv: list[str]) -> int:
    """Print every run, the worst last, then the errors."""
    runs, seed = (int(argv[0]) if argv else 300), (int(argv[1]) if argv[1:] else 0)
    families = tuple(argv[2].split(",")) if argv[2:] else SIZED
    draw, began = random.Random(seed), time.monotonic()
    found = sorted((compare(random_inputs(draw, families)) for _ in range(runs)), key=lambda one: abs(one.error))
    for one in found:
        print(line(one))
        if abs(one.error) > _SHOWN:
            print(f"      {one.inputs['model']}\n      {one.parts}")
    sizes = [abs(one.error) for one in found]
    at = {share: sizes[min(len(sizes) - 1, int(share * len(sizes)))] for share in (0.5, 0.9)}
    print(
        f"{runs} runs, seed {seed}, {time.monotonic() - began:.0f} s; absolute error: mean {statistics.mean(sizes):.3f}"
    )
    print(f"median {at[0.5]:.3f} %, p90 {at[0.9]:.3f} %, largest {sizes[-1]:.3f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
