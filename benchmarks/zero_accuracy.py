"""The estimate under ZeRO and data parallelism against what DeepSpeed allocates in real processes on the CPU.

Run: python benchmarks/zero_accuracy.py [GROUP]... (all: some minutes on two cores). A small Llama is trained for three
steps as our trainer does it; every storage is followed on every process, and the last step is compared. What DeepSpeed
keeps in host memory is known by its own attributes, since on a CPU all memory is the host's. Sizes of buckets are
those of our trainer, and again small ones, so that buckets fill and weights are released many times in a step.
The estimate counts the loss where it is differentiated, so its forward pass is on the high side.
Not the same on a GPU: copies between host and device, streams that hold memory longer, and what NCCL allocates.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from service.estimate.defaults import resolve
from service.estimate.hardware import ANY_GPU
from service.estimate.inputs import AdapterInputs, EstimateInputs, ZeroInputs
from service.estimate.notation import Case
from service.estimate.phases import phases
from service.estimate.sharding import host_bytes
from service.models.architecture import Architecture, read_architecture
from trainers.contract import ZERO_SIZES, ZeroSizes

RANK = Path(__file__).with_name("_zero_rank.py")
STEPS = 3
LLAMA = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 2000, "tie_word_embeddings": False,
}  # fmt: skip
SMALL = {"reduce": 1_000_000, "prefetch": 200_000, "persistence": 2000, "live": 1_500_000, "reuse": 1_500_000}
PLAIN: dict[str, Any] = {
    "technique": "full", "sharding": "none", "processes": 2, "offload_optimizer": False, "micro_batch": 1,
    "seq_len": 32, "grad_accum": 1, "r": 8, "base_dtype": "fp32", "autocast": "none", "checkpointing": False,
    "sizes": {}, "changes": {},
}  # fmt: skip
HALF = {"autocast": "bf16"}
LORA = {"technique": "lora", "autocast": "bf16", "base_dtype": "bf16"}
# phases of the step, and those of the estimate that lie in them
WHEN = {"forward": ("fwd", "loss", "dora_fwd"), "backward": ("loss", "bwd_first", "reduce"), "step": ("opt",)}


def groups() -> dict[str, dict[str, dict[str, Any]]]:
    """Cases by name, those of one group in the same processes."""
    stages = ("zero1", "zero2", "zero3")
    small = {"sizes": SMALL}
    offload = {"offload_optimizer": True}
    made: dict[str, dict[str, dict[str, Any]]] = {
        "ddp": {"full": {}, "full-bf16": HALF, "lora": LORA},
        "full": {f"{stage}-full": {"sharding": stage} | HALF for stage in stages},
        "full-small": {f"{stage}-full-small": {"sharding": stage} | HALF | small for stage in stages},
        "fp32": {f"{stage}-full-fp32": {"sharding": stage} | small for stage in stages},
        "lora": {f"{stage}-lora": {"sharding": stage} | LORA | small for stage in stages},
        "offload": {f"{stage}-full-offload": {"sharding": stage} | HALF | small | offload for stage in stages},
        "offload-lora": {f"{stage}-lora-offload": {"sharding": stage} | LORA | small | offload for stage in stages},
    }
    made["offload"]["zero3-full-offload-all"] = {"sharding": "zero3-offload"} | HALF | small
    made["offload-lora"]["zero3-lora-offload-all"] = {"sharding": "zero3-offload"} | LORA | small
    made["checkpointing"] = {
        f"{stage}-{name}-checkpointing": {"sharding": stage, "checkpointing": True} | how | small
        for stage in ("zero2", "zero3") for name, how in (("full", HALF), ("lora", LORA))
    }  # fmt: skip
    made["accumulation"] = {
        f"{stage}-full-accumulation": {"sharding": stage, "grad_accum": 2} | HALF | small for stage in stages
    }
    made["accumulation"]["zero2-full-offload-accumulation"] = (
        {"sharding": "zero2", "grad_accum": 2} | HALF | small | offload
    )
    made["three"] = {f"{stage}-full-three": {"sharding": stage, "processes": 3} | HALF | small for stage in stages}
    # many tokens, as on a GPU: activations weigh as much as the state
    long = {"seq_len": 512, "checkpointing": True, "micro_batch": 2}
    made["long"] = {
        f"{stage}-{name}-long": {"sharding": stage} | how | small | long
        for stage in ("zero2", "zero3") for name, how in (("full", HALF), ("lora", LORA))
    }  # fmt: skip
    tied = {"changes": {"tie_word_embeddings": True}}
    made["tied"] = {f"{stage}-full-tied": {"sharding": stage} | HALF | small | tied for stage in ("zero2", "zero3")}
    # blocks of 4-bit weights have tables of their own, which count where matrices are as small as above
    wide = {"seq_len": 64, "changes": {"hidden_size": 512, "intermediate_size": 1408, "vocab_size": 4000}}
    made["qlora"] = {
        f"{stage}-qlora{suffix}": {"sharding": stage, "technique": "qlora"} | {**LORA, "technique": "qlora"}
        | small | wide | extra
        for stage in ("zero1", "zero2") for suffix, extra in (("", {}), ("-offload", offload))
    }  # fmt: skip
    made["dora"] = {f"{stage}-dora": {"sharding": stage} | LORA | {"technique": "dora"} | small for stage in stages}
    return made


def complete(case: dict[str, Any]) -> dict[str, Any]:
    """A case with everything that it leaves open."""
    return PLAIN | case


def architecture(case: dict[str, Any]) -> Architecture:
    """The sizes of the case's model."""
    return read_architecture(LLAMA | case["changes"], where="benchmark")


def measure(cases: dict[str, dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Peak bytes of the last step of each case: forward, backward, step (with their terms) and host, of all processes.

    Raises:
        RuntimeError: with the end of what the processes said.
    """
    asked = {name: complete(case) for name, case in cases.items()}
    for case in asked.values():
        case["model"] = str(_model(case, folder))
        case["vocabulary"] = architecture(case).vocabulary
    (folder / "cases.json").write_text(json.dumps(asked))
    (count,) = {case["processes"] for case in asked.values()}
    environment = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    ended = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}",
         str(RANK), str(folder / "cases.json"), str(folder)],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    if ended.returncode:
        raise RuntimeError((ended.stdout + ended.stderr)[-3000:])
    return {name: _last_step(name, case, folder) for name, case in asked.items()}


def _model(case: dict[str, Any], folder: Path) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LLAMA | case["changes"]
    place = folder / f"model-{config['hidden_size']}-{config['tie_word_embeddings']}"
    if not place.exists():
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**config)).save_pretrained(place)
    return place


def _last_step(name: str, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"host": 0}
    for rank in range(case["processes"]):
        seen = json.loads((folder / f"{name}.{rank}.json").read_text())
        found["host"] += max(phase["host"] for phase in seen.values())
        for phase in WHEN:
            number = STEPS if phase == "step" else STEPS * case["grad_accum"]
            one = seen.get(f"{phase}{number}")
            if one and one["device"] > found.get(phase, {"device": 0})["device"]:
                found[phase] = {"device": one["device"], "terms": one["terms"]}
    return found


def estimated(case: dict[str, Any]) -> Case:
    """The same run as the estimate sees it: its device keeps what the CPU's kernels keep, and is no host."""
    case = complete(case)
    sharding = case["sharding"]
    stage = 0 if sharding == "none" else int(sharding[4])
    whole = sharding == "zero3-offload"
    inputs = EstimateInputs(
        model="benchmark", base_dtype=case["base_dtype"], autocast=case["autocast"], micro_batch=case["micro_batch"],
        seq_len=case["seq_len"], padded=False, grad_accum=case["grad_accum"], checkpointing=case["checkpointing"],
        attention="sdpa", optimizer="adamw_fused", gpus=case["processes"], adapter=_adapter(case),
        zero=ZeroInputs(stage=stage, offload_optimizer=whole or case["offload_optimizer"], offload_params=whole),
    )  # fmt: skip
    model = architecture(case)
    run = resolve(inputs, case["technique"], model=model, device=ANY_GPU, seq_len=case["seq_len"]).run
    sizes = ZeroSizes(**case["sizes"]) if case["sizes"] else ZERO_SIZES
    return Case(model, msgspec.structs.replace(run, zero_sizes=sizes, kernel="flash", repeated_kv=False, cuda=False))


def _adapter(case: dict[str, Any]) -> AdapterInputs:
    return AdapterInputs() if case["technique"] == "full" else AdapterInputs(r=case["r"])


def compared(case: dict[str, Any], seen: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """(measured, estimated) bytes of each phase, at the peak, and on the host."""
    run = estimated(case)
    found = {phase.name: phase.bytes for phase in phases(run) if phase.name != "load"}
    rows: dict[str, tuple[int, int]] = {}
    if run.run.zero_stage:
        for phase, names in WHEN.items():
            rows[phase] = seen[phase]["device"], max(found[name] for name in names if name in found)
    measured = max(seen[phase]["device"] for phase in WHEN if phase in seen)
    rows["peak"] = measured, max(found.values())
    if seen["host"]:
        rows["host"] = seen["host"], host_bytes(run)
    return rows


def terms(case: dict[str, Any], seen: dict[str, Any]) -> str:
    """State per device, in MB: measured and estimated."""
    measured = seen["step" if "step" in seen else "forward"]["terms"]
    run = estimated(case)
    state = {part.term: part.bytes for phase in phases(run) if phase.name == "opt" for part in phase.parts}
    pairs = {
        "weights": (measured.get("weights", 0), state.get("weights", 0) + state.get("adapter", 0)),
        "optimizer": (measured.get("optimizer", 0), state.get("optimizer", 0)),
        "gradients": (measured.get("gradients", 0), state.get("gradients", 0)),
    }
    if run.run.zero_stage:  # DistributedDataParallel's buckets have no name that could be asked for
        pairs["communication"] = measured.get("communication", 0), state.get("communication", 0)
    return ", ".join(f"{name} {one / 1e6:.2f}/{two / 1e6:.2f}" for name, (one, two) in pairs.items() if one or two)


def main(argv: list[str]) -> int:
    """Print a line per case: error of every phase, of the peak and of the host, and the terms of the state."""
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("deepspeed", "torch", "transformers", "peft", "accelerate")
    )
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {libraries}, {platform.machine()} CPU, gloo"
    )
    print("(estimate - measured) / measured of one process's memory; state in the step: measured/estimated MB")
    worst = 0.0
    for group, cases in groups().items():
        if argv and group not in argv:
            continue
        with tempfile.TemporaryDirectory() as folder:
            seen = measure(cases, Path(folder))
        for name, case in cases.items():
            rows = compared(case, seen[name])
            errors = {what: 100 * (two - one) / one for what, (one, two) in rows.items()}
            worst = max(worst, abs(errors["peak"]), abs(errors.get("host", 0)))
            shown = "  ".join(f"{what} {error:+.2f} %" for what, error in errors.items())
            print(f"{group}/{name}: {rows['peak'][0] / 1e6:.2f} MB  {shown}\n    {terms(case, seen[name])}", flush=True)
    print(f"largest error of a peak or of the host: {worst:.2f} % (goal 3)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
