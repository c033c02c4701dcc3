"""Runs that are stopped and killed for real, at random steps and between phases, end as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, Hyperparameters, Outputs, TrainPlan

Runner = Callable[..., tuple[int, str, Any]]
Starter = Callable[..., "subprocess.Popen[str]"]
STEPS = 24
RANDOM = random.Random(6)  # which step is killed, the same in every run of the tests


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def settings(**changes: Any) -> Hyperparameters:
    """2 steps an epoch, 12 epochs, dropout: every kind of randomness is at work."""
    values: dict[str, Any] = {
        "batch_size": 4, "micro_batch": 2, "base_learning_rate": 1e-2, "learning_rate": 1e-2, "n_epochs": STEPS // 2,
        "save_steps": 5, "adapter": Adapter(r=4, alpha=8, dropout=0.1),
    }  # fmt: skip
    return Hyperparameters(**values | changes)


def progress(out: Path) -> list[dict[str, Any]]:
    try:
        lines = (out / "progress.jsonl").read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def curve(out: Path) -> list[tuple[int, float, float]]:
    return [(one["step"], one["loss"], one["learning_rate"]) for one in progress(out) if one["event"] == "step"]


def messages(out: Path) -> str:
    return "\n".join(one.get("message", "") for one in progress(out))


def hashes(out: Path) -> dict[str, str]:
    """Of what was trained and exported."""
    files = [path for name in ("adapter", "onnx") for path in (out / name).rglob("*") if path.is_file()]
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def without_clock(result: Any) -> Any:
    return result | {"training": {name: value for name, value in result["training"].items() if name != "seconds"}}


def kill_when(process: subprocess.Popen[str], reached: Callable[[], bool], number: int = signal.SIGKILL) -> int:
    """Send the signal to the trainer as soon as the run has come so far; its exit code."""
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def at_step(out: Path, step: int) -> Callable[[], bool]:
    return lambda: any(one.get("step") == step for one in progress(out))


def in_phase(out: Path, phase: str) -> Callable[[], bool]:
    return lambda: any(one["event"] == "phase" and one["phase"] == phase for one in progress(out))


@pytest.fixture(scope="module")
def uninterrupted(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {}


@pytest.fixture
def reference(
    uninterrupted: dict[str, Any], make_plan: Any, run_trainer: Runner, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Path, Any]]:
    """The folder and result of the same plan without an interruption; each is run once."""

    def run(**changes: Any) -> tuple[Path, Any]:
        key = repr(sorted(changes.items()))
        if key not in uninterrupted:
            out = tmp_path_factory.mktemp("reference") / "out"
            code, printed, result = run_trainer(make_plan(**changes), out)
            assert code == 0, printed
            uninterrupted[key] = out, result
        found: tuple[Path, Any] = uninterrupted[key]
        return found

    return run


def require_same_end(out: Path, result: Any, reference: tuple[Path, Any]) -> None:
    assert curve(out) == curve(reference[0])
    assert [step for step, _, _ in curve(out)] == list(range(1, STEPS + 1))
    assert [one["n"] for one in progress(out)] == list(range(1, len(progress(out)) + 1))
    assert hashes(out) == hashes(reference[0])
    assert without_clock(result) == without_clock(reference[1])


def test_killed_at_random_steps_it_ends_bitwise_the_same(
    reference: Any, make_plan: Any, starter: Starter, run_trainer: Runner, tmp_path: Path
) -> None:
    whole, out = reference(hyperparameters=settings()), tmp_path / "out"
    plan = make_plan(hyperparameters=settings())
    first, second = sorted(RANDOM.sample(range(2, STEPS), 2))
    assert kill_when(starter(plan, out), at_step(out, first)) == -signal.SIGKILL
    assert not (out / "result.json").exists()
    assert kill_when(starter(plan, out), at_step(out, second)) == -signal.SIGKILL
    code, printed, result = run_trainer(plan, out)
    assert code == 0, printed
    require_same_end(out, result, whole)
    assert messages(out).count("resumed at step") == 2
    assert [one["phase"] for one in progress(out) if one["event"] == "phase"].count("baseline") == 1
    left = {path.name for path in (out / ".work").iterdir()}
    assert not left & {"checkpoints", "best"}
