"""Several processes that train together: the same weights as one, and none of them is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from in_process import tune_here

from trainers.contract import Adapter, Hyperparameters, TrainPlan
from trainers.progress import ProgressWriter
from trainers.tune import measure_baseline

Runner = Callable[..., tuple[int, str, Any]]
Starter = Callable[..., "subprocess.Popen[str]"]


def weights(out: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    (file,) = [*out.glob("adapter/*.safetensors"), *out.glob("model/*.safetensors")]
    found: dict[str, Any] = load_file(file)
    return found


def largest_difference(one: Path, other: Path) -> float:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)


def train_only(plan: Path, out: Path) -> None:
    """The part of a run that all processes share."""
    (out / ".work").mkdir(parents=True)
    started = subprocess.run(
        [sys.executable, "-m", "trainers.sharding.launcher", str(plan), str(out)],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert started.returncode == 0, started.stdout + started.stderr


@pytest.fixture
def alone(make_plan: Any, tmp_path: Path) -> Callable[[str], Path]:
    """The run folder of one process, which is this one."""

    def run(technique: str) -> Path:
        tune_here(make_plan(technique=technique, validation=None), tmp_path / "alone")
        return tmp_path / "alone"

    return run


def test_full_weights_under_zero_are_those_of_one_process(
    make_plan: Any, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    one = alone("full")
    for sharding, offload in (("zero1", False), ("zero3", False), ("zero3-offload", False)):
        out = tmp_path / f"{sharding}-{offload}"
        plan = make_plan(technique="full", sharding=sharding, processes=2, offload_optimizer=offload, validation=None)
        plan.write_bytes(plan.read_bytes().replace(b'"micro_batch":2', b'"micro_batch":1'))
        train_only(plan, out)
        assert largest_difference(out, one) < 1e-4


def test_a_sharded_run_ends_in_a_proven_artifact(
    make_plan: Any, alone: Callable[[str], Path], run_trainer: Runner, tmp_path: Path
) -> None:
    one = alone("lora")
    plan = make_plan(sharding="zero2", processes=2)
    code, printed, result = run_trainer(plan, tmp_path / "out")
    assert code == 0, printed
    assert result["onnx"][0]["parity"]["max_abs_logit_diff"] < 1e-4
    assert result["training"]["steps"] == 4
    assert largest_difference(tmp_path / "out", one) < 1e-5
    records = [json.loads(line) for line in (tmp_path / "out" / "progress.jsonl").read_text().splitlines()]
    assert [record["n"] for record in records] == list(range(1, len(records) + 1))
    assert sum(record["event"] == "step" for record in records) == 4


def test_a_launcher_of_several_machines_starts_one_per_process(make_plan: Any, tmp_path: Path) -> None:
    plan = make_plan(processes=2, n_epochs=1)
    launched = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         "-m", "trainers.train", str(plan), str(tmp_path / "out")],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert launched.returncode == 0, launched.stdout + launched.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["status"] == "succeeded"
    assert result["training"]["steps"] == 2


def test_what_several_processes_cannot_have_is_refused_at_once(
    make_plan: Any, run_trainer: Runner, tmp_path: Path
) -> None:
    code, _, result = run_trainer(make_plan(sharding="zero2"), tmp_path / "one")
    assert code == 2
    assert "'zero2' needs at least 2 processes" in result["error"]["detail"]
    values = Hyperparameters(batch_size=4, micro_batch=4, base_learning_rate=1e-2, learning_rate=1e-2)
    plan = make_plan(processes=2, offload_optimizer=True, hyperparameters=values)
    code, _, result = run_trainer(plan, tmp_path / "two")
    assert code == 2
    assert "not a multiple of micro_batch x processes" in result["error"]["detail"]
    assert "offload_optimizer needs a sharding" in result["error"]["detail"]


@pytest.fixture
def training(make_plan: Any, starter: Starter, tmp_path: Path) -> Iterator[tuple[Any, Path, list[psutil.Process]]]:
    """A run of two processes with hundreds of steps left, its folder and its whole tree.

    Its baseline was measured here: these tests are of what begins after it.
    """
    out = tmp_path / "out"
    plan = make_plan(n_epochs=400, validation=None, processes=2)
    (out / ".work").mkdir(parents=True)
    measure_baseline(msgspec.json.decode(plan.read_bytes(), type=TrainPlan), out, ProgressWriter(out))
    process = starter(plan, out)
    deadline = time.monotonic() + 300
    progress = out / "progress.jsonl"
    while not (progress.exists() and '"step"' in progress.read_text()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    tree = psutil.Process(process.pid).children(recursive=True)
    assert len(tree) >= 3  # the launcher and two ranks
    yield process, out, tree
    process.kill()
    for one in tree:
        if one.is_running():
            one.kill()
    process.communicate()


def all_dead(tree: list[psutil.Process], *, seconds: float = 120) -> bool:
    psutil.wait_procs(tree, timeout=seconds)
    return all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in tree)


def rank_of(process: psutil.Process) -> str | None:
    return process.environ().get("RANK")


def test_sigterm_stops_all_of_them_after_the_same_step(training: Any) -> None:
    process, out, tree = training
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 1
    assert all_dead(tree)
    assert json.loads((out / "result.json").read_text())["status"] == "stopped"
    assert not (out / "adapter").exists()


def test_sigterm_to_one_of_them_stops_all(training: Any) -> None:
    process, out, tree = training
    (second,) = [one for one in tree if rank_of(one) == "1"]
    second.send_signal(signal.SIGTERM)
    assert process.wait(180) == 1
    assert all_dead(tree)
    result = json.loads((out / "result.json").read_text())
    assert result["status"] == "stopped", result


def test_a_killed_one_ends_the_run_and_leaves_none(training: Any) -> None:
    process, out, tree = training
    (second,) = [one for one in tree if rank_of(one) == "1"]
    second.kill()
    assert process.wait(180) == 1
    assert all_dead(tree)
    assert json.loads((out / "result.json").read_text())["status"] == "failed"


def test_a_killed_orchestrator_takes_all_of_them_along(training: Any) -> None:
    process, _, tree = training
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert all_dead(tree)


def test_a_plan_of_one_process_is_as_it_was(make_plan: Any) -> None:
    plan = msgspec.json.decode(make_plan().read_bytes(), type=TrainPlan)
    assert (plan.processes, plan.offload_optimizer) == (1, False)


def test_no_row_is_trained_twice_where_they_do_not_divide(make_plan: Any, rows: Any, tmp_path: Path) -> None:
    plan = make_plan([rows(n) for n in range(5)], processes=2, n_epochs=1, validation=None)
    train_only(plan, tmp_path / "out")
    training = json.loads((tmp_path / "out" / ".work" / "part-training.json").read_bytes())
    # five rows by four: the second step holds one
    assert training["steps"] == 2
    said = (tmp_path / "out" / "progress.jsonl").read_text()
    assert "3 empty rows fill the last step" in said
    one = make_plan([rows(n) for n in range(5)], n_epochs=1, validation=None)
    tune_here(one, tmp_path / "one")
    assert training["data"] == json.loads((tmp_path / "one" / ".work" / "part-training.json").read_bytes())["data"]


def test_killed_they_go_on_together_to_the_same_bytes(
    make_plan: Any, starter: Starter, run_trainer: Runner, tmp_path: Path
) -> None:
    values = Hyperparameters(
        batch_size=4, micro_batch=2, base_learning_rate=1e-2, learning_rate=1e-2, n_epochs=6, save_steps=4,
        keep="best", adapter=Adapter(r=4, alpha=8, dropout=0.1),
    )  # fmt: skip
    plan = make_plan(hyperparameters=values, sharding="zero3", processes=2)
    code, printed, whole = run_trainer(plan, tmp_path / "whole")
    assert code == 0, printed
    out = tmp_path / "out"
    process = starter(plan, out)
    deadline = time.monotonic() + 300
    while not ((out / "progress.jsonl").exists() and '"step":6,' in (out / "progress.jsonl").read_text()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    tree = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert all_dead(tree)
    code, printed, again = run_trainer(plan, out)
    assert code == 0, printed
    assert "resumed at step" in (out / "progress.jsonl").read_text()
    assert largest_difference(out, tmp_path / "whole") == 0
    assert again["training"]["kept_step"] == whole["training"]["kept_step"]
