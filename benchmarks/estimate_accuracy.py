"""Predicted against measured peak memory, ours and the arithmetic of other estimators, on the same rows.

Run: python benchmarks/estimate_accuracy.py. No GPU needed: the measurements are facts in tests/estimate/measured.toml.
Not a blind test: our terms were corrected after a first look at these rows.
"""

from __future__ import annotations

import platform
import statistics
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.data import rule_files
from service.estimate.notation import LOW_RANK, MIB, Case, Run
from service.estimate.parts import Phase
from service.estimate.phases import CONSTANT_BYTES, peak
from service.models.architecture import Architecture, read_architecture
from service.models.catalogue import catalogue
from service.models.parameters import layer_parameters, parameters

FACTS = Path(__file__).resolve().parents[1] / "tests" / "estimate" / "measured.toml"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measured run; sizes in MiB."""

    source: str
    model: str
    technique: str
    attention: str
    micro_batch: int
    seq_len: int
    adapter_r: int
    allocated_mib: float
    reserved_mib: float
    formula_mib: float | None = None
    checkpointing: bool | None = None
    phase: str | None = None


def facts() -> tuple[list[Row], dict[str, Any]]:
    """The rows and their sources."""
    content = tomllib.loads(FACTS.read_text())
    return msgspec.convert(content["row"], list[Row]), content["source"]


def case_of(row: Row, source: dict[str, Any]) -> Case:
    """What was run, in the terms of the formulas: no mask, no autocast, outputs kept, fp32 adapters."""
    model = read_architecture(catalogue(rule_files())[row.model].config, where=row.model)
    settings = source["settings"]
    quantised = row.technique == "qlora"
    # fp32 activations and un-expanded grouped K/V: torch falls back to the math kernel
    math = row.attention == "sdpa" and quantised and model.kv_heads < model.heads
    run = Run(
        technique=row.technique,
        micro_batch=row.micro_batch,
        seq_len=row.seq_len,
        kbit_fp32=quantised,
        double_quant=settings["double_quant"],
        adapter_r=row.adapter_r,
        adapter_targets=tuple(settings["targets"]),
        checkpointing=settings["checkpointing"] if row.checkpointing is None else row.checkpointing,
        kernel="eager" if row.attention == "eager" else "math" if math else "efficient",
        repeated_kv=row.attention == "eager" or math,
        optimizer=settings["optimizer"],
        keep_logits=True,
    )
    return Case(model, run)


def predicted(row: Row, source: dict[str, Any]) -> Phase:
    """The peak phase by formula, without the constant."""
    return peak(case_of(row, source))


def _bytes_16(model: Architecture, run: Run) -> float:
    del run
    return 16 * parameters(model)


def _accelerate(model: Architecture, run: Run) -> float:
    # accelerate 1.15 estimate_training_usage at 16 bits: the largest of model 4P, gradients 6P, optimizer 8P
    del run
    return 8 * parameters(model)


def _zero2(model: Architecture, run: Run) -> float:
    # deepspeed 0.19.8 estimate_zero2_model_states_mem_needs, one GPU, no offload
    return 2 * parameters(model) + 18 * parameters(model) / run.gpus


def _zero3(model: Architecture, run: Run) -> float:
    largest = max(layer_parameters(model), model.vocabulary * model.hidden)
    return 4 * largest + 18 * parameters(model) / run.gpus


def _weights_only(model: Architecture, run: Run) -> float:
    return parameters(model) * (0.5 if run.technique in LOW_RANK and run.technique.startswith("q") else 2)


PEERS: dict[str, Callable[[Architecture, Run], float]] = {
    "16 bytes/param": _bytes_16,
    "accelerate 8P": _accelerate,
    "deepspeed ZeRO-2": _zero2,
    "deepspeed ZeRO-3": _zero3,
    "weights only": _weights_only,
}


def main() -> None:
    """Print a table per row, then the median and largest error of each estimator."""
    rows, sources = facts()
    errors: dict[str, list[float]] = {"tunegate": []} | {name: [] for name in PEERS}
    print(f"{len(rows)} measured rows, Python {platform.python_version()}, pure arithmetic; error of allocated memory")
    print(f"{'model':<22}{'technique':<10}{'b x s':>9}  {'measured MiB':>12}{'tunegate':>10}" + _heads())
    for row in rows:
        case, measured = case_of(row, sources[row.source]), row.allocated_mib
        guesses = {"tunegate": (peak(case).bytes + CONSTANT_BYTES) / MIB}
        guesses |= {name: peer(case.model, case.run) / MIB for name, peer in PEERS.items()}
        for name, guess in guesses.items():
            errors[name].append(100 * (guess - measured) / measured)
        cells = "".join(f"{errors[name][-1]:>+17.1f} %" for name in PEERS)
        shape = f"{row.micro_batch} x {row.seq_len}"
        print(
            f"{row.model:<22}{row.technique:<10}{shape:>9}  {measured:>12.1f}{errors['tunegate'][-1]:>+8.2f} %" + cells
        )
    print("\nabsolute error, median / largest (peers were built for full fine-tuning; they cannot express adapters)")
    for name, found in errors.items():
        sizes = [abs(error) for error in found]
        print(f"  {name:<18}{statistics.median(sizes):>9.2f} % {max(sizes):>9.2f} %")


def _heads() -> str:
    return "".join(f"{name:>19}" for name in PEERS)


if __name__ == "__main__":
    main()
