"""Runs that are stopped and killed for real, at random steps and between phases, end as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from in_process import tune_here

from trainers.contract import Adapter, Hyperparameters
from trainers.training.checkpoints import MARK

Runner = Callable[..., tuple[int, str, Any]]
Starter = Callable[..., "subprocess.Popen[str]"]
MARKER = "quokka"
STEPS = 24
DISK_BYTES = 45_000  # holds the adapter's weights, not its optimizer's state
RANDOM = random.Random(6)  # which step is killed, the same in every run of the tests


pytestmark = pytest.mark.usefixtures("one_thread")


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
    training = {name: value for name, value in result["training"].items() if name != "seconds"}
    return result | {"training": training, "onnx": [one | {"latency": None} for one in result["onnx"]]}


def kill_when(process: subprocess.Popen[str], reached: Callable[[], bool], number: int = signal.SIGKILL) -> int:
    """Send the signal to the trainer as soon as the run has come so far; its exit code."""
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=180)
    return process.returncode


def at_step(out: Path, step: int) -> Callable[[], bool]:
    return lambda: any(one.get("step") == step for one in progress(out))


def in_phase(out: Path, phase: str) -> Callable[[], bool]:
    return lambda: any(one["event"] == "phase" and one["phase"] == phase for one in progress(out))


def tune_until_killed(plan: Path, out: Path, step: int) -> None:
    """The first worker alone (baseline, train, merge), in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trainers.worker", "tune", str(plan), str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert kill_when(process, at_step(out, step)) == -signal.SIGKILL


@pytest.fixture(scope="module")
def kept_reference() -> dict[str, Any]:
    return {}


@pytest.fixture
def reference(
    kept_reference: dict[str, Any], make_plan: Any, run_trainer: Runner, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """The folder and result of a LoRA run that nothing interrupted."""
    if not kept_reference:
        out = tmp_path_factory.mktemp("reference") / "out"
        code, printed, result = run_trainer(make_plan(hyperparameters=settings()), out)
        assert code == 0, printed
        kept_reference["run"] = out, result
    found: tuple[Path, Any] = kept_reference["run"]
    return found


def test_killed_and_stopped_at_random_steps_and_between_phases_it_ends_bitwise_the_same(
    reference: tuple[Path, Any], make_plan: Any, starter: Starter, run_trainer: Runner, tmp_path: Path
) -> None:
    out, plan = tmp_path / "out", make_plan(hyperparameters=settings())
    first, second = sorted(RANDOM.sample(range(2, STEPS), 2))
    assert kill_when(starter(plan, out), at_step(out, first)) == -signal.SIGKILL
    assert not (out / "result.json").exists()
    assert kill_when(starter(plan, out), at_step(out, second), signal.SIGTERM) == 1
    assert json.loads((out / "result.json").read_text())["status"] == "stopped"
    assert not (out / "adapter").exists()
    for phase in ("export", "parity"):
        assert kill_when(starter(plan, out), in_phase(out, phase)) == -signal.SIGKILL
    assert not (out / "result.json").exists()
    code, printed, result = run_trainer(plan, out)
    assert code == 0, printed

    assert curve(out) == curve(reference[0])
    assert [step for step, _, _ in curve(out)] == list(range(1, STEPS + 1))
    assert [one["n"] for one in progress(out)] == list(range(1, len(progress(out)) + 1))
    assert hashes(out) == hashes(reference[0])
    assert without_clock(result) == without_clock(reference[1])
    validated = [one["step"] for one in progress(out) if "validation_loss" in one]
    assert validated == list(range(2, STEPS + 1, 2))
    assert messages(out).count("resumed at step") == 2
    phases = [one["phase"] for one in progress(out) if one["event"] == "phase"]
    assert phases == [
        "baseline",
        "train",
        "train",
        "train",
        "merge",
        "export",
        "export",
        "parity",
        "parity",
        "evaluate",
    ]
    hidden = {path.name for place in (out, out / "onnx") for path in place.glob(".*")}
    assert hidden == {".work"}
    assert not {path.name for path in (out / ".work").iterdir()} & {"checkpoints", "best"}
    assert MARKER not in printed + (out / "progress.jsonl").read_text() + json.dumps(result)


def test_a_finished_run_is_left_as_it_is_and_another_plan_is_refused(
    reference: tuple[Path, Any], make_plan: Any, run_trainer: Runner, tmp_path: Path
) -> None:
    out, _ = reference
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "lock"}
    code, printed, _ = run_trainer(make_plan(hyperparameters=settings()), out)
    assert (code, "carried out here already" in printed) == (0, True)
    code, printed, _ = run_trainer(make_plan(hyperparameters=settings(learning_rate=2e-2, n_epochs=13)), out)
    assert code == 2
    assert (
        "hyperparameters.learning_rate: 0.01 there, 0.02 here; hyperparameters.n_epochs: 12 there, 13 here" in printed
    )
    assert "Name a new folder" in printed
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_full_fine_tuning_killed_at_a_random_step_ends_bitwise_the_same(make_plan: Any, tmp_path: Path) -> None:
    plan = make_plan(technique="full", validation=None, hyperparameters=settings(n_epochs=6, learning_rate=1e-3))
    whole, out = tmp_path / "whole", tmp_path / "out"
    for place in (whole, out):
        place.mkdir()
    tune_here(plan, whole)
    tune_until_killed(plan, out, RANDOM.randrange(6, 12))
    # one that was being written when the kill came has no mark yet
    sealed = [path.parent for path in (out / ".work" / "checkpoints").glob(f"*/{MARK}")]
    newest = max(sealed, key=lambda path: int(path.name.rpartition("-")[2]))
    weights = newest / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])  # as a machine that went down leaves it
    # what the machine's cache lost of the records comes back from the checkpoint before, or with the repeated steps
    records = (out / "progress.jsonl").read_bytes().splitlines(keepends=True)
    (out / "progress.jsonl").write_bytes(b"".join(records[:5]))
    tune_here(plan, out)
    assert "is not complete and is left out" in messages(out)
    assert curve(out) == curve(whole)
    merged = Path(".work", "merged", "model.safetensors")
    assert (out / merged).read_bytes() == (whole / merged).read_bytes()


@pytest.mark.parametrize("technique", ["qlora", "qdora"])
def test_on_a_base_in_4_bits_it_ends_bitwise_the_same_too(make_plan: Any, tmp_path: Path, technique: str) -> None:
    plan = make_plan(technique=technique, hyperparameters=settings(n_epochs=6))
    whole, out = tmp_path / "whole", tmp_path / "out"
    for place in (whole, out):
        place.mkdir()
    tune_here(plan, whole)
    tune_until_killed(plan, out, RANDOM.randrange(6, 12))
    tune_here(plan, out)
    assert "resumed at step" in messages(out)
    assert curve(out) == curve(whole)
    for file in (Path("adapter", "adapter_model.safetensors"), Path(".work", "merged", "model.safetensors")):
        assert (out / file).read_bytes() == (whole / file).read_bytes()


def test_a_disk_that_fills_up_ends_the_run_and_freed_space_lets_it_go_on(
    reference: tuple[Path, Any], make_plan: Any, run_trainer: Runner, tmp_path: Path
) -> None:
    out, plan = tmp_path / "out", make_plan(hyperparameters=settings())
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES))
    code, printed, result = run_trainer(plan, out, preexec_fn=limit)
    assert (code, result["error"]["code"]) == (3, "disk_full"), printed
    assert "goes on from the last checkpoint" in result["error"]["remedy"]
    assert list((out / ".work" / "checkpoints").iterdir()) == []
    assert not (out / "adapter").exists()
    tune_here(plan, out)
    assert curve(out) == curve(reference[0])
    adapter = Path("adapter", "adapter_model.safetensors")
    assert (out / adapter).read_bytes() == (reference[0] / adapter).read_bytes()
