"""The formulas against memory that others measured on real GPUs."""

from __future__ import annotations

import importlib.util
import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest

from service.estimate.notation import MIB
from service.estimate.phases import CONSTANT_BYTES
from service.estimate.reserve import band

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "memory_accuracy.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("memory_accuracy", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


accuracy = load()
ALL, SOURCES = accuracy.facts()
ROWS = [row for row in ALL if row.allocated_mib]


def name(row: object) -> str:
    return "-".join(str(getattr(row, field)) for field in ("model", "technique", "attention", "seq_len"))


def relative_error(row: object) -> float:
    allocated: float = row.allocated_mib  # type: ignore[attr-defined]
    predicted = accuracy.predicted(row, SOURCES[row.source]).bytes + CONSTANT_BYTES  # type: ignore[attr-defined]
    return float(predicted / MIB / allocated - 1)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_allocated_memory_is_predicted_within_one_and_a_half_percent(row: object) -> None:
    assert abs(relative_error(row)) <= 0.015


def test_the_median_error_is_at_most_half_a_percent() -> None:
    assert statistics.median(abs(relative_error(row)) for row in ROWS) <= 0.005


@pytest.mark.parametrize("row", [row for row in ROWS if row.formula_mib], ids=name)
def test_the_formula_gives_what_was_recorded_for_the_row(row: object) -> None:
    phase = accuracy.predicted(row, SOURCES[row.source])  # type: ignore[attr-defined]
    assert phase.bytes / MIB == pytest.approx(row.formula_mib, abs=0.06)  # type: ignore[attr-defined]
    assert phase.name == row.phase  # type: ignore[attr-defined]


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_reserved_memory_lies_within_the_band(row: object) -> None:
    ratio = row.reserved_mib / row.allocated_mib  # type: ignore[attr-defined]
    kernel = accuracy.case_of(row, SOURCES[row.source]).run.kernel  # type: ignore[attr-defined]
    # the band's ends are two-digit roundings of the extreme rows
    assert 1.0 <= ratio <= band(kernel, cuda=True).p90 + 0.005


def test_the_benchmark_shows_every_row_beside_what_others_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main([]) == 0
    printed = capsys.readouterr().out
    assert sum(line.startswith("| ") for line in printed.splitlines()) == len(ALL) + 1
    assert [peer for peer in accuracy.PEERS if peer not in printed] == []


def test_the_band_covers_nine_rows_of_ten_and_nine_errors_of_ten_are_below_two_percent() -> None:
    covered = [one.covered for one in accuracy.compared()]
    assert sum(covered) >= 0.9 * len(covered)
    errors = sorted(abs(relative_error(row)) for row in ROWS)
    assert errors[int(0.9 * len(errors))] <= 0.02
