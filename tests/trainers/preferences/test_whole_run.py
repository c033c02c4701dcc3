"""`tunegate train --method dpo`: a tiny model learns which answers are preferred, and what it learnt is proven."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from preference_rows import preference, write_rows

from service.cli.app import run


def test_a_run_on_preferences_ends_in_a_proven_artifact(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out = tmp_path / "out"
    write_rows(tmp_path / "pairs.jsonl", [preference(n) for n in range(16)])
    write_rows(tmp_path / "unseen.jsonl", [preference(n) for n in range(40, 46)])
    code = run(
        ["train", "--method", "dpo", "--model", str(model), "--technique", "lora", "-o", str(out),
         "--data", str(tmp_path / "pairs.jsonl"), "--validation", str(tmp_path / "unseen.jsonl"),
         "--learning-rate", "0.01", "--dpo-beta", "0.5", "--epochs", "3", "--seed", "4", "--max-new-tokens", "12",
         "--check", "any=.*", "--format", "json"]
    )  # fmt: skip
    printed = capsys.readouterr()
    assert code == 0, printed.err
    manifest = json.loads(printed.out)
    before, after = (manifest["evaluation"][when] for when in ("before", "after"))
    assert before["validation_loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert (before["reward_accuracy"], before["reward_margin"]) == (None, 0.0)
    assert 0 <= before["log_prob_accuracy"] <= 1
    assert after["validation_loss"] < before["validation_loss"] / 2
    assert after["reward_accuracy"] == 1.0
    assert after["reward_margin"] > 1
    assert (after["pairs"], after["generations"], after["checks"]) == (6, 6, {"any": 1.0})
    held = manifest["evaluation"]["comparison"]
    assert (held["gate"], held["before"]["row_loss"]["value"]) == ("passed", pytest.approx(math.log(2), abs=1e-6))
    for measure, figure in (("row_loss", "validation_loss"), ("log_prob_accuracy", "log_prob_accuracy")):
        assert held["after"][measure]["value"] == pytest.approx(after[figure], abs=1e-5)
    assert manifest["onnx"][0]["parity"]["max_abs_logit_diff"] < 1e-4
    assert manifest["onnx"][0]["quality"]["split"] == "validation"
    text = (out / "progress.jsonl").read_text()
    records: list[Any] = [json.loads(line) for line in text.splitlines()]
    measured = [one for one in records if "validation_loss" in one]
    assert [one["step"] for one in measured] == [2, 4, 6]
    assert measured[-1]["measures"]["reward_accuracy"] == 1.0
    said = [one.get("message", "") for one in records]
    assert "the model as it starts was asked about 16 training pairs" in said
    assert any(one.startswith("16 rows, 16 pairs") for one in said)
    card = (out / "README.md").read_text()
    assert "tuned by `lora` on preferences (DPO)" in card
    assert "| reward_accuracy | none | 1 |" in card
    assert "quokka" not in printed.out + printed.err + text + card
