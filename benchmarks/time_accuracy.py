"""Predicted bands of training hours against published throughputs.

Run: python benchmarks/time_accuracy.py. No GPU needed: the measurements are facts in tests/estimate/throughput.toml.
Not a blind test: the ranges of service/estimate/throughput.py were chosen on these rows.
"""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from service.data import rule_files
from service.estimate.amounts import Data, amounts
from service.estimate.flops import work_of
from service.estimate.hardware import hardware_table
from service.estimate.notation import Run
from service.estimate.throughput import Job, flops, hours
from service.models.architecture import read_architecture
from service.models.catalogue import catalogue
from service.models.matmuls import matmuls_of
from service.records.cost import Range

FACTS = Path(__file__).resolve().parents[1] / "tests" / "estimate" / "throughput.toml"
# the hours are of so many rows on each device: long enough for no rounding to show
ROWS = 10_000


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One published throughput and what we say about it; hours of ROWS rows per device."""

    source: str
    model: str
    device: str
    technique: str
    gpus: int
    seq_len: int
    micro_batch: int
    measured: float
    predicted: Range
    utilisation: float

    @property
    def inside(self) -> bool:
        return self.predicted.low <= self.measured <= self.predicted.high


def rows() -> list[Row]:
    """Every point of every series."""
    facts = tomllib.loads(FACTS.read_text())
    return [_row(series, point, facts) for series in facts["series"] for point in series["points"]]


def _row(series: dict[str, Any], point: list[float], facts: dict[str, Any]) -> Row:
    seq_len, micro_batch, said = int(point[0]), int(point[1]), point[2]
    per_iteration = series.get("rows_per_iteration")
    tokens_per_second = per_iteration * seq_len / said if per_iteration else said
    name, gpus = series["model"], series.get("gpus", 1)
    config = facts["model"].get(name) or catalogue(rule_files())[name].config
    model = read_architecture(config, where=name)
    run = Run(
        technique=series["technique"],
        micro_batch=micro_batch,
        seq_len=seq_len,
        adapter_r=series.get("r", 16),
        adapter_targets=tuple(series["targets"]) if "targets" in series else None,
        checkpointing=series.get("checkpointing", False),
        kernel="efficient" if series.get("padded") else "flash",
        gpus=gpus,
    )
    data = Data(rows=ROWS * gpus, tokens_low=ROWS * gpus * seq_len, tokens_high=ROWS * gpus * seq_len, epochs=1)
    least, most = amounts(data, run)
    tflops = hardware_table(rule_files())[series["device"]].tflops_16bit
    if tflops is None:
        raise SystemExit(f"{series['device']}: no peak in hardware.toml")
    job = Job(
        work=work_of(matmuls_of(model), run), least=least, most=most, layers=model.layers,
        quantised=run.technique == "qlora", devices=gpus, tflops=tflops,
    )  # fmt: skip
    seconds = ROWS * seq_len / tokens_per_second
    return Row(
        source=series["source"],
        model=name,
        device=series["device"],
        technique=run.technique,
        gpus=gpus,
        seq_len=seq_len,
        micro_batch=micro_batch,
        measured=seconds / 3600,
        predicted=hours(job),
        utilisation=flops(job.work, least, most)[0] / gpus / (seconds * tflops * 1e12),
    )


def table(found: list[Row]) -> list[str]:
    """One line per row, those outside the band marked."""
    lines = [f"{'source':<10}{'model':<15}{'technique':<10}{'devices':<19}{'tokens':>12}{'use':>7}{'hours':>9}   band"]
    for one in found:
        band = f"{one.predicted.low:8.2f} {one.predicted.mid:8.2f} {one.predicted.high:8.2f}"
        lines.append(
            f"{one.source:<10}{one.model:<15}{one.technique:<10}{f'{one.gpus} x {one.device}':<19}"
            f"{f'{one.micro_batch} x {one.seq_len}':>12}{one.utilisation:>7.1%}{one.measured:>9.2f}   {band}"
            f"{'' if one.inside else '  outside'}"
        )
    return lines


def main() -> None:
    """Print the table and how many rows each source and technique has inside the band."""
    found = rows()
    print(f"{platform.python_implementation()} {platform.python_version()}; {ROWS} rows per device\n")
    print("\n".join(table(found)))
    print()
    for field in ("source", "technique"):
        for value in dict.fromkeys(getattr(one, field) for one in found):
            group = [one for one in found if getattr(one, field) == value]
            print(f"{field} {value}: {sum(one.inside for one in group)} of {len(group)} inside the band")
    print(f"all: {sum(one.inside for one in found)} of {len(found)} inside the band")


if __name__ == "__main__":
    main()
