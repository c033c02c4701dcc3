"""Techniques from a plan to what is handed over, some of them through the real entry, `python -m trainers.train`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import run_here

from trainers.contract import Adapter, Hyperparameters, Outputs

Runner = Callable[..., tuple[int, str, Any]]


def hyperparameters(**changes: Any) -> Hyperparameters:
    values = {"batch_size": 4, "micro_batch": 4, "base_learning_rate": 5e-3, "learning_rate": 5e-3, "n_epochs": 2}
    return Hyperparameters(**(values | {"adapter": Adapter(r=4, alpha=8)} | changes))


def test_a_run_ends_in_a_proven_onnx_model(make_plan: Any, run_trainer: Runner, tmp_path: Path) -> None:
    """By the real entry on a base in 4 bits: its processes load other libraries than those of other techniques."""
    out = tmp_path / "out"
    code, printed, result = run_trainer(make_plan(technique="qdora", hyperparameters=hyperparameters()), out)
    assert code == 0, printed
    must_be_proven(out, result)


@pytest.mark.parametrize(
    ("technique", "changes"),
    [
        ("dora", {}),
        ("qlora", {}),
        ("peft", {"adapter": None, "peft": {"peft_type": "IA3"}}),
    ],
)
def test_what_the_workers_of_a_run_do_ends_in_one(
    make_plan: Any, tmp_path: Path, technique: str, changes: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    plan = make_plan(technique=technique, hyperparameters=hyperparameters(**changes))
    must_be_proven(out, run_here(plan, out))


def must_be_proven(out: Path, result: Any) -> None:
    assert result["onnx"][0]["parity"]["relative_logit_diff"] < 1e-4
    assert result["training"]["last_loss"] < result["training"]["first_loss"]
    assert result["evaluation_after"]["validation_loss"] < result["evaluation_before"]["validation_loss"]
    assert (out / "adapter" / "adapter_model.safetensors").exists()
    assert "quantization_config" not in (out / ".work" / "merged" / "config.json").read_text()
    said = [line.get("message", "") for line in map(json.loads, (out / "progress.jsonl").read_text().splitlines())]
    assert any(line.startswith("merged: logits differ by") for line in said)


def test_a_method_without_a_merge_hands_over_its_adapter(make_plan: Any, run_trainer: Runner, tmp_path: Path) -> None:
    out = tmp_path / "out"
    peft = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4}
    values = hyperparameters(adapter=None, peft=peft)
    code, printed, result = run_trainer(make_plan(technique="peft", hyperparameters=values, outputs=Outputs([])), out)
    assert code == 0, printed
    assert result["onnx"] == []
    assert result["evaluation_after"]["validation_loss"] < result["evaluation_before"]["validation_loss"]
    assert not (out / "onnx").exists()
    assert json.loads((out / "adapter" / "adapter_config.json").read_text())["peft_type"] == "PROMPT_TUNING"


def test_asking_onnx_of_such_a_method_ends_with_the_way_out(
    make_plan: Any, run_trainer: Runner, tmp_path: Path
) -> None:
    values = hyperparameters(adapter=None, peft={"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4}, n_epochs=1)
    plan = make_plan(technique="peft", hyperparameters=values, validation=None)
    code, printed, result = run_trainer(plan, tmp_path / "out")
    assert code == 2, printed
    assert result["error"]["code"] == "target_cannot"
    assert "no merge" in result["error"]["detail"]
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").exists()
