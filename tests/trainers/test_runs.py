"""Whole runs of the real entry on a tiny model: what they leave, how they refuse, how they die."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from in_process import tune_here

from trainers.contract import Outputs

Runner = Callable[..., tuple[int, str, Any]]
Starter = Callable[..., "subprocess.Popen[str]"]
MARKER = "quokka"


def progress(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]


def test_a_lora_run_leaves_a_proven_artifact(make_plan: Any, run_trainer: Runner, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, result = run_trainer(make_plan(), out)
    assert code == 0, printed
    assert result["status"] == "succeeded"
    assert [one["precision"] for one in result["onnx"]] == ["fp32"]
    assert result["onnx"][0]["parity"]["max_abs_logit_diff"] < 1e-4
    assert result["training"]["steps"] == 4
    for when in ("before", "after"):
        assert result[f"evaluation_{when}"]["rows"] == 4
        assert result[f"evaluation_{when}"]["checks"] == {"any": 1.0}
    records = progress(out)
    assert [record["n"] for record in records] == list(range(1, len(records) + 1))
    phases = [record["phase"] for record in records if record["event"] == "phase"]
    assert phases == ["baseline", "train", "merge", "export", "parity", "evaluate"]
    adapter = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == model.name
    assert adapter["target_modules"] == sorted(adapter["target_modules"])
    shipped = {path.name for path in (out / "adapter").iterdir()}
    assert shipped == {"adapter_config.json", "adapter_model.safetensors"}
    assert MARKER not in printed + (out / "progress.jsonl").read_text() + json.dumps(result)
    _same_answers(model, out)


def _same_answers(model: Path, out: Path) -> None:
    """The ONNX file against base + adapter in PyTorch, greedily, without the trainer's own comparison."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from trainers.onnx.graph import OnnxCausalLM

    tokenizer = AutoTokenizer.from_pretrained(out / "onnx" / "fp32")
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model).eval(), str(out / "adapter"))
    ids = tokenizer("<|user|>\nWhat about it?<|end|>\n<|assistant|>\n")["input_ids"]
    want = tuned.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)[0, len(ids) :].tolist()
    assert OnnxCausalLM(out / "onnx" / "fp32").generate(ids, max_new_tokens=12) == want


@pytest.mark.usefixtures("one_thread")
def test_full_fine_tuning_runs_and_is_deterministic(make_plan: Any, run_trainer: Runner, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    plan = make_plan(technique="full", validation=None, n_epochs=1)
    code, printed, result = run_trainer(plan, one)
    assert code == 0, printed
    assert result["evaluation_before"] is None
    tune_here(plan, two)
    for out in (one, two):
        assert not (out / "adapter").exists()
    losses = [[record["loss"] for record in progress(out) if record["event"] == "step"] for out in (one, two)]
    assert losses[0] == losses[1]


def test_everything_a_plan_cannot_have_is_refused_at_once(make_plan: Any, run_trainer: Runner, tmp_path: Path) -> None:
    plan = make_plan(technique="provider-managed", sharding="zero2", outputs=Outputs(["fp16"]), model="/no/such/model")
    code, _, result = run_trainer(plan, tmp_path / "out")
    assert code == 2
    for part in ("provider-managed", "zero2", "fp16", "model: no folder"):
        assert part in result["error"]["detail"]


def test_rows_that_teach_nothing_are_refused_with_their_lines(
    make_plan: Any, rows: Any, run_trainer: Runner, tmp_path: Path
) -> None:
    data = [rows(0), rows(1, weight=0), rows(2), rows(3, weight=0)]
    code, _, result = run_trainer(make_plan(data), tmp_path / "out")
    assert (code, result["error"]["code"]) == (2, "invalid_input")
    assert "lines 2, 4 without a trained token" in result["error"]["detail"]


def test_a_changed_dataset_is_refused(make_plan: Any, run_trainer: Runner, tmp_path: Path) -> None:
    plan = make_plan()
    with (tmp_path / "train.jsonl").open("a") as handle:
        handle.write("\n")
    code, _, result = run_trainer(plan, tmp_path / "out")
    assert (code, result["error"]["code"]) == (2, "plan_mismatch")


def test_an_unreadable_plan_is_one_line_and_exit_2(run_trainer: Runner, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    code, printed, result = run_trainer(tmp_path / "plan.json", tmp_path / "out")
    assert code == 2
    assert result is None
    assert len(printed.strip().splitlines()) == 1


def test_a_full_disk_is_said_as_such(make_plan: Any, run_trainer: Runner, tmp_path: Path) -> None:
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20_000, 20_000))
    code, printed, result = run_trainer(make_plan(n_epochs=1), tmp_path / "out", preexec_fn=limit)
    assert code == 3, printed
    assert result["error"]["code"] == "disk_full"
    assert not (tmp_path / "out" / "adapter").exists()


@pytest.fixture
def training(make_plan: Any, starter: Starter, tmp_path: Path) -> Any:
    """A run with hundreds of steps left."""
    out = tmp_path / "out"
    process = starter(make_plan(n_epochs=400, validation=None), out)
    deadline = time.monotonic() + 300
    while not (out / "progress.jsonl").exists() or not any(r["event"] == "step" for r in progress(out)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield process, out
    process.kill()
    process.communicate()


def until_dead(process: psutil.Process) -> None:
    psutil.wait_procs([process], timeout=60)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_sigterm_stops_after_the_step_and_reports_nothing_as_done(training: Any) -> None:
    process, out = training
    (worker,) = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 1
    until_dead(worker)
    assert json.loads((out / "result.json").read_text())["status"] == "stopped"
    assert not (out / "adapter").exists()


def test_a_killed_worker_is_a_died_trainer(training: Any) -> None:
    process, out = training
    (worker,) = psutil.Process(process.pid).children()
    os.kill(worker.pid, signal.SIGKILL)
    assert process.wait(120) == 1
    error = json.loads((out / "result.json").read_text())["error"]
    assert error["code"] == "trainer_died"
    assert "SIGKILL" in error["detail"]


def test_a_killed_orchestrator_takes_its_worker_along(training: Any) -> None:
    process, out = training
    (worker,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    until_dead(worker)
    assert not (out / "result.json").exists()


def test_a_second_trainer_on_the_same_folder_is_refused(training: Any, run_trainer: Runner, tmp_path: Path) -> None:
    _, out = training
    code, printed, _ = run_trainer(tmp_path / "plan.json", out)
    assert code == 3
    assert "another trainer holds" in printed
