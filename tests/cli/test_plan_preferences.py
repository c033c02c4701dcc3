"""tunegate plan --method dpo: the data is looked at as preferences, and the settings are in the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip

HELD = {"train.jsonl": "validation.jsonl", "preferences.jsonl": "preferences-validation.jsonl"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    return folder


def plan(capsys: Capture, model: Path, data: str, *options: str) -> tuple[int, Any, str]:
    arguments = ["--model", str(model), "--data", str(DESK / data), "--technique", "lora", *options]
    arguments += ["--validation", str(DESK / HELD[data])]
    code = run(["plan", *arguments, "--format", "json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else None, captured.err


def test_the_method_chooses_the_rules_and_the_rate(model: Path, capsys: Capture) -> None:
    code, made, _ = plan(
        capsys, model, "preferences.jsonl", "--method", "dpo", "--dpo-beta", "0.2", "--dpo-sft-weight", "1"
    )
    assert (code, made["method"], made["blockers"]) == (0, "dpo", [])
    assert made["hyperparameters"]["dpo"] == {"beta": 0.2, "label_smoothing": 0.0, "sft_weight": 1.0}
    assert made["hyperparameters"]["learning_rate"] == 1e-4
    for data, method in (("preferences.jsonl", "sft"), ("train.jsonl", "dpo")):
        code, made, _ = plan(capsys, model, data, "--method", method)
        assert code == 1
        assert "F024" in made["blockers"][0]["detail"]


def test_the_plan_says_the_method_on_the_screen(model: Path, capsys: Capture) -> None:
    arguments = ["--model", str(model), "--data", str(DESK / "preferences.jsonl"), "--technique", "lora"]
    arguments += ["--validation", str(DESK / HELD["preferences.jsonl"])]
    assert run(["plan", *arguments, "--method", "dpo"]) == 0
    printed = capsys.readouterr().out
    assert "lora by dpo on local" in printed
    assert "beta 0.1, label smoothing 0, SFT weight 0" in printed
    assert "dpo.beta 0.1: DPO paper" in printed
    assert run(["plan", *arguments, "--dpo-beta", "0.2"]) == 2
    assert "settings with method sft" in capsys.readouterr().err


def test_both_answers_of_a_pair_are_in_the_estimate(model: Path, capsys: Capture) -> None:
    from service.settings import load_settings

    seen = []
    for data, method in (("train.jsonl", "sft"), ("preferences.jsonl", "dpo")):
        made = plan(capsys, model, data, "--method", method, "--micro-batch", "4")[1]
        kept = json.loads((load_settings().records / f"{made['estimate']}.json").read_text())
        seen.append(kept["inputs"]["micro_batch"])
    assert seen == [4, 8]


def test_the_examples_pairs_have_nothing_to_mend(capsys: Capture) -> None:
    files = [str(DESK / "preferences.jsonl"), "--validation", str(DESK / "preferences-validation.jsonl")]
    assert run(["lint", *files, "--target", "local", "--method", "dpo", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["summary"]["errors"], report["summary"]["warnings"]) == (0, 0)
    assert [one["rows"] for one in report["files"]] == [120, 45]
