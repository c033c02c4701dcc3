"""Validation on the way: early stopping, the best weights, a loss that is no number, also across an interruption."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, DatasetRef, Hyperparameters, TrainPlan
from trainers.evaluation import teacher_forced
from trainers.labelling import label_rows
from trainers.load import load_model, load_rows, load_tokenizer
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.training.loop import Stopped, fit

Fit = Callable[..., dict[str, Any]]


@pytest.fixture
def train(make_plan: Any) -> Fit:
    """Trains a plan in this process; `stop_after` steps it is asked to stop."""

    def run(out: Path, stop_after: int | None = None, **changes: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "batch_size": 4, "micro_batch": 4, "base_learning_rate": 5e-2, "learning_rate": 5e-2, "n_epochs": 10,
            "save_steps": 4, "warmup_ratio": 0.0, "adapter": Adapter(r=4, alpha=8, dropout=0.1),
        }  # fmt: skip
        path = make_plan(hyperparameters=Hyperparameters(**values | changes))
        plan = msgspec.json.decode(path.read_bytes(), type=TrainPlan)
        tokenizer = load_tokenizer(plan)
        rows, held = (
            label_rows(tokenizer, load_rows(data)).samples for data in (plan.dataset, plan.validation) if data
        )
        calls = itertools.count(1)
        return fit(
            plan, out, lambda: load_model(plan), tokenizer, rows, ProgressWriter(out),
            lambda: stop_after is not None and next(calls) >= stop_after, held_out=held,
        )  # fmt: skip

    return run


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def adapter(out: Path) -> bytes:
    return (out / "adapter" / "adapter_model.safetensors").read_bytes()


EAGER = {"keep": "best", "early_stopping": 2, "eval_steps": 3, "learning_rate": 5.0, "n_epochs": 30}


def test_it_stops_early_and_keeps_the_best_weights_also_when_it_was_interrupted(
    train: Fit, model: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for place in (whole, broken):
        place.mkdir()
    wanted = train(whole, **EAGER)
    lowest = min(curve(whole), key=lambda one: one[1])
    assert [(one["step"], one["validation_loss"]) for one in wanted["validation"]] == curve(whole)
    assert (wanted["kept"], wanted["kept_step"], wanted["stopped_early"]) == ("best", lowest[0], True)
    assert curve(whole)[-1][0] == wanted["steps"] == lowest[0] + 2 * 3
    assert f"stopped early after step {wanted['steps']}" in records(whole)[-1]["message"]
    assert loss_of(model, whole, tmp_path / "validation.jsonl") == pytest.approx(lowest[1], abs=1e-5)

    with pytest.raises(Stopped):
        train(broken, **EAGER, stop_after=lowest[0] + 1)
    assert not (broken / "adapter").exists()
    got = train(broken, **EAGER)
    assert got | {"seconds": 0} == wanted | {"seconds": 0}
    assert adapter(broken) == adapter(whole)
    assert curve(broken) == curve(whole)


def curve(out: Path) -> list[tuple[int, float]]:
    return [(one["step"], one["validation_loss"]) for one in records(out) if "validation_loss" in one]


def loss_of(model: Path, out: Path, data: Path) -> float:
    """The validation loss of base + saved adapter, loaded anew."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model).eval(), str(out / "adapter"))
    held = label_rows(tokenizer, load_rows(DatasetRef(path=str(data), sha256=sha256(data)))).samples
    loss = teacher_forced(tuned.eval(), tokenizer, held)["validation_loss"]
    assert loss is not None
    return loss


def test_measuring_on_the_way_changes_nothing_and_the_seed_does(train: Fit, tmp_path: Path) -> None:
    changes: dict[str, dict[str, Any]] = {"each epoch": {}, "often": {"eval_steps": 3}, "seed": {"seed": 43}}
    losses = {}
    for name, change in changes.items():
        (tmp_path / name).mkdir()
        summary = train(tmp_path / name, **change)
        assert (summary["kept_step"], summary["stopped_early"]) == (20, False)
        losses[name] = [one["loss"] for one in records(tmp_path / name) if one["event"] == "step"]
    assert losses["each epoch"] == losses["often"] != losses["seed"]
    assert adapter(tmp_path / "each epoch") == adapter(tmp_path / "often")
    assert [step for step, _ in curve(tmp_path / "each epoch")] == list(range(2, 21, 2))
    assert [step for step, _ in curve(tmp_path / "often")] == [3, 6, 9, 12, 15, 18, 20]


def test_a_stop_in_the_very_last_step_loses_nothing(train: Fit, tmp_path: Path) -> None:
    summary = train(tmp_path, stop_after=20)
    assert summary["steps"] == 20
    assert (tmp_path / "adapter").is_dir()


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(
    train: Fit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody is there, and perhaps no mlflow either
    with pytest.raises(TrainerError) as raised:
        train(tmp_path, learning_rate=1e30, save_steps=1, max_grad_norm=0.0)
    failure = raised.value.failure
    assert (failure.code, raised.value.exit_code) == ("job_failed", 1)
    assert "of step 2 is not a number" in failure.detail
    assert "lower learning rate" in failure.remedy
    assert [path.name for path in (tmp_path / ".work" / "checkpoints").iterdir()] == ["checkpoint-1"]
    assert not (tmp_path / "adapter").exists()
    assert sum("nothing is sent" in one.get("message", "") for one in records(tmp_path)) == 1
