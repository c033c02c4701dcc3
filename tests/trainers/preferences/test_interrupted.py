"""Runs on pairs that are killed end as if nothing had happened, and two processes as one."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import tune_here
from preference_rows import preference

from trainers.contract import Adapter

RANDOM = random.Random(8)  # which step is killed, the same in every run of the tests
STEPS = 16


pytestmark = pytest.mark.usefixtures("one_thread")


def records(out: Path) -> list[dict[str, Any]]:
    try:
        lines = (out / "progress.jsonl").read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def said(out: Path) -> list[Any]:
    """Steps and measurements, without the clock."""
    names = ("step", "loss", "learning_rate", "validation_loss", "measures")
    return [[one.get(name) for name in names] for one in records(out) if one.get("step")]


def adapter(out: Path) -> bytes:
    return (out / "adapter" / "adapter_model.safetensors").read_bytes()


def worker(group: str, plan: Path, out: Path, *, killed: Callable[[], bool] | None = None) -> None:
    module = ["trainers.sharding.launcher"] if group == "launcher" else ["trainers.worker", group]
    (out / ".work").mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", *module, str(plan), str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while killed is not None and not killed():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    if killed is not None:
        process.send_signal(signal.SIGKILL)
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == (0 if killed is None else -signal.SIGKILL), printed


def test_killed_at_a_random_step_it_ends_bitwise_the_same(prefer: Any, tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "n_epochs": STEPS // 2, "micro_batch": 2, "save_steps": 3, "adapter": Adapter(r=4, alpha=8, dropout=0.1),
        "keep": "best", "eval_steps": 4,
    }  # fmt: skip
    plan = prefer(**values)
    whole, out = tmp_path / "whole", tmp_path / "out"
    tune_here(plan, whole)
    last = RANDOM.randrange(4, STEPS - 1)
    kept = out / ".work" / "reference" / "training.json"
    worker("tune", plan, out, killed=lambda: any(one.get("step") == last for one in records(out)))
    before = kept.read_bytes()
    assert before == (whole / kept.relative_to(out)).read_bytes()
    kept.unlink()  # as a disk that was cleaned leaves it: the model is asked again, and says the same
    tune_here(plan, out)
    assert kept.read_bytes() == before
    assert said(out) == said(whole)
    assert len([one for one in records(out) if one["event"] == "step"]) == STEPS
    assert adapter(out) == adapter(whole)
    results = [json.loads((one / ".work" / "part-training.json").read_text()) for one in (out, whole)]
    for one in results:
        one.pop("seconds")
    assert results[0] == results[1]


def test_two_processes_under_zero_end_like_one(prefer: Any, tmp_path: Path) -> None:
    """Seven pairs a step, one of which the second process fills with a pair that counts for nothing."""
    from safetensors.torch import load_file

    rows = [preference(n, preferred=f"The quokka {n} is here{' and there' * (n % 3)}.") for n in range(7)]
    alone, both = tmp_path / "alone", tmp_path / "both"
    # one step is one epoch, so that the order of the pairs, which the filling changes, does not matter
    shared: dict[str, Any] = {"validation": None, "batch_size": 8, "n_epochs": 3}
    worker("train", prefer(rows, micro_batch=8, **shared), alone)
    worker("launcher", prefer(rows, micro_batch=2, processes=2, sharding="zero2", **shared), both)
    left, right = (load_file(one / "adapter" / "adapter_model.safetensors") for one in (alone, both))
    assert max(float((left[name] - right[name]).abs().max()) for name in left) < 1e-4
    losses = [[one["loss"] for one in records(place) if one["event"] == "step"] for place in (alone, both)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_what_does_not_combine_is_refused_at_once(prefer: Any, run_trainer: Any, tmp_path: Path) -> None:
    code, _, result = run_trainer(
        prefer(packing=True, adapter=None, peft={"peft_type": "ADALORA"}, technique="peft", sharding="zero3"),
        tmp_path / "out",
    )
    assert code == 2
    for part in ("does not pack", "AdaLoRA", "'dpo' with zero3"):
        assert part in result["error"]["detail"]
    code, _, result = run_trainer(prefer(method="sft"), tmp_path / "chats")
    assert "hyperparameters.dpo needs method 'dpo'" in result["error"]["detail"]
