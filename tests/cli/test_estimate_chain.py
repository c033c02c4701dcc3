"""From the estimate to the decision to the plan, each from the file that the one before wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.cli.app import run
from service.records.decision import Decision

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
SCENARIO = Path(__file__).resolve().parents[2] / "examples" / "scenarios" / "library-desk.toml"
CONFIG = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def estimated(path: Path, *arguments: str) -> Path:
    assert run(["estimate", *arguments, "--format", "json", "--output", str(path)]) == 0
    return path


def decided(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Decision:
    assert run(["advise", str(SCENARIO), *arguments, "--format", "json"]) == code
    return msgspec.json.decode(capsys.readouterr().out, type=Decision)


def facts(decision: Decision) -> dict[str, Any]:
    return {fact.name: fact.value for fact in decision.facts if fact.source.startswith("measured:")}


def test_every_step_takes_what_the_one_before_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = tmp_path / "model", DESK / "train.jsonl"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(CONFIG))
    (model / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    report, decision = tmp_path / "lint.json", tmp_path / "decision.json"
    assert run(["lint", str(data), "--target", "local", "--format", "json", "--output", str(report)]) == 0
    made = estimated(tmp_path / "est.json", str(model), "--gpu", "T4-16GB", "--report", str(report))
    measured = ["--estimate", str(made), "--report", str(report)]
    assert run(["advise", str(SCENARIO), *measured, "--format", "json", "--output", str(decision)]) == 0
    found = msgspec.json.decode(decision.read_bytes(), type=Decision)
    assert found.answer is not None
    assert (found.answer.step, found.answer.technique) == ("fine-tune", "lora")
    ids = [one["id"] for one in json.loads(made.read_bytes())["estimates"]]
    assert next(fact.source for fact in found.facts if fact.name == "fit.lora").removeprefix("measured:") in ids
    capsys.readouterr()
    asked = ["--model", str(model), "--data", str(data), "--decision", str(decision), "--format", "json"]
    asked += ["--validation", str(DESK / "validation.jsonl")]
    assert run(["plan", *asked]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["technique"], plan["decision"], plan["blockers"]) == ("lora", found.id, [])
    assert plan["estimate"]


def test_a_set_speaks_for_each_technique_that_has_a_fact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = estimated(tmp_path / "set.json", "llama-3.1-8b", "--gpu", "RTX-4090-24GB")
    known = facts(decided(capsys, "--estimate", str(made), "--set", "data.rows=240"))
    assert known == {
        "fit.full": "no", "fit.lora": "tight", "fit.qlora": "fits", "fit.dora": "tight",
        "gpu.bf16": True, "gpu.vram_gib": 23.52,
    }  # fmt: skip


def test_one_estimate_a_set_and_their_order_of_keys_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = estimated(tmp_path / "one.json", "llama-3.1-8b", "--technique", "lora", "--gpu", "A100-80GB")
    several = estimated(tmp_path / "set.json", "llama-3.1-8b", "--technique", "dora", "--technique", "qlora")
    content = json.loads(several.read_bytes())
    several.write_text(json.dumps({"cheapest": content["cheapest"], "estimates": content["estimates"]}))
    arguments = ["--estimate", str(one), "--estimate", str(several), "--set", "data.rows=240"]
    assert {"fit.lora", "fit.dora", "fit.qlora"} <= facts(decided(capsys, *arguments)).keys()
    (tmp_path / "neither.json").write_text('{"estimates": 3}')
    assert run(["advise", "--estimate", str(tmp_path / "neither.json")]) == 2
    assert "EstimateSet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--technique", "full", "--gpus", "8", "--zero-stage", "3"], {"fit.zero3": "fits", "gpu.count": 8}),
        (["--technique", "full", "--gpus", "2", "--zero-stage", "1"], {"gpu.count": 2}),
        (["--technique", "qdora", "--gpus", "2"], {"gpu.count": 2}),
        (["--technique", "prompt", "--gpus", "1"], {"gpu.count": 1}),
        (["--technique", "lora"], {"fit.lora": "fits"}),
    ],
)
def test_what_was_asked_for_is_what_the_advisor_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: dict[str, Any]
) -> None:
    made = estimated(tmp_path / "est.json", "llama-3.1-8b", "--gpu", "A100-80GB", *arguments)
    known = facts(decided(capsys, "--estimate", str(made), code=1))
    assert known == expected | {"gpu.bf16": True, "gpu.vram_gib": 79.25}


def test_a_stated_gpu_stands_and_several_kinds_say_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = estimated(tmp_path / "one.json", "llama-3.1-8b", "--technique", "lora", "--gpu", "T4-16GB", "--gpus", "1")
    stated = ["--set", "gpu.count=4", "--set", "gpu.vram_gib=16", "--set", "data.rows=240"]
    decision = decided(capsys, "--estimate", str(made), *stated, code=1)
    assert facts(decision) == {"fit.lora": "no", "gpu.bf16": False}
    both = ("--gpu", "T4-16GB", "--gpu", "A100-80GB")
    kinds = estimated(tmp_path / "two.json", "smollm2-135m", "--technique", "lora", *both, "--seq-len", "64")
    cpu = estimated(tmp_path / "cpu.json", "smollm2-135m", "--technique", "lora", "--gpu", "cpu", "--seq-len", "64")
    for path in (kinds, cpu):
        assert facts(decided(capsys, "--estimate", str(path), "--set", "data.rows=240")).keys() == {"fit.lora"}
