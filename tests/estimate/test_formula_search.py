"""Random models and settings: the formulas say what the simulation of the very classes says."""

from __future__ import annotations

import importlib.util
import random
import statistics
import sys
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "formula_search.py"
SEED, RUNS = 3, 9


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("formula_search", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_random_runs_are_predicted_as_they_are_simulated() -> None:
    search = load()
    draw = random.Random(SEED)
    found = [search.compare(search.random_inputs(draw, search.SIZED)) for _ in range(RUNS)]
    wrong = [search.line(one) for one in found if abs(one.error) > 1]
    assert wrong == []
    assert statistics.median(abs(one.error) for one in found) <= 0.2
