"""tunegate plan and train on the command line: blockers, bad models, bad outputs, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
HELD = ["--validation", str(DESK / "validation.jsonl")]
# enough for planning: a plan reads the config, counts the weights' bytes and fingerprints both
CONFIG = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    return folder


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = run(["plan", *arguments, "--format", "json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else None, captured.err


def test_a_clean_plan_exits_0_and_is_the_record(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", str(model), "--data", str(DESK / "train.jsonl"), "--technique", "lora", *HELD]
    code, made, _ = plan(capsys, *arguments)
    assert code == 0
    assert made["schema"] == "tunegate.plan/1"
    assert made["blockers"] == []
    assert made["lint_report"]
    assert made["estimate"]
    assert plan(capsys, *arguments)[1]["id"] == made["id"]


def test_a_moved_model_and_dataset_give_the_same_plan(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DESK / "train.jsonl"
    here = plan(capsys, "--model", str(model), "--data", str(data), "--technique", "lora")[1]
    (tmp_path / "elsewhere").mkdir()
    moved, copy = shutil.move(model, tmp_path / "elsewhere" / model.name), shutil.copy(data, tmp_path / "copy.jsonl")
    there = plan(capsys, "--model", str(moved), "--data", str(copy), "--technique", "lora")[1]
    assert there["id"] == here["id"]


def test_flawed_data_is_blocked_until_it_is_overridden_by_name(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", str(model), "--data", str(DESK / "flawed.jsonl"), "--technique", "lora", *HELD]
    code, made, _ = plan(capsys, *arguments)
    assert code == 1
    assert [one["code"] for one in made["blockers"]] == ["lint_errors", "pii_findings"]
    lifted = ["--override", "lint_errors=we know", "--override", "pii_findings=we know"]
    code, made, _ = plan(capsys, *arguments, *lifted)
    assert code == 0
    assert {one["code"] for one in made["overrides"]} == {"lint_errors", "pii_findings"}


def test_a_blocked_plan_does_not_train(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", str(model), "--data", str(DESK / "flawed.jsonl"), "--technique", "lora", *HELD]
    assert run(["train", *arguments, "-o", str(tmp_path / "run")]) == 1
    assert "lint_errors" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--technique", "lora"], "--model is required"),
        (["--model", "no/such/folder", "--technique", "lora"], "no/such/folder"),
        (["--model", "{model}"], "Neither a decision nor a technique"),
        (["--model", "{model}", "--technique", "lorra"], "Did you mean 'lora'?"),
        (["--model", "{model}", "--technique", "provider-managed"], "has no trainer on 'local'"),
        (["--model", "{model}", "--technique", "lora", "--target", "azure-openai"], "hands back no ONNX"),
        (["--model", "{model}", "--technique", "lora", "--override", "lint_errors"], "NAME=VALUE"),
        (["--model", "{model}", "--technique", "lora", "--onnx", "fp8"], "fp8"),
        (["--model", "{model}", "--technique", "lora", "--epochs", "0"], "n_epochs"),
        (["--model", "{model}", "--technique", "lora", "--decision", "nothing.json"], "nothing.json"),
        (["--model", "phi-3-mini-4k", "--technique", "lora"], "no folder with weights"),
    ],
)
def test_unusable_input_exits_2_and_says_what_is_allowed(
    arguments: list[str], said: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [one.format(model=model) for one in arguments]
    assert run(["plan", *filled, "--data", str(DESK / "train.jsonl")]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


WEIGHTS = {
    "model.embed_tokens.weight": [1000, 192],
    "model.layers.0.self_attn.qkv_proj.weight": [320, 192],
    "model.layers.0.self_attn.o_proj.weight": [192, 192],
    "model.norm.weight": [192],
    "lm_head.weight": [1000, 192],
}


@pytest.fixture
def with_names(model: Path) -> Path:
    """The model with a header that names its weights; the numbers themselves are not there."""
    header = json.dumps({name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in
                         WEIGHTS.items()}).encode()  # fmt: skip
    (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return model


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["full", "--loraplus-ratio", "4"], ["loraplus_ratio with technique full", "technique lora, dora"]),
        (["full", "--rslora", "--adapter-init", "pissa"], ["rslora, init with technique full"]),
        (["qlora", "--adapter-init", "olora"], ["olora with technique qlora", "rounded to 4 bits"]),
        (["lora", "--adapter-init", "pisa"], ["pisa"]),
        (["lora", "--adapter-targets", "o_prj,qkv_proj"], ["o_prj matches no module", "Did you mean 'o_proj'?"]),
        (["lora", "--adapter-r", "193"], ["193, above the smallest side of", "1 to 192"]),
        (["peft"], ["a PeftConfig as an object"]),
        (["peft", "--peft", '{"peft_type": "lroa2"}'], ["lroa2", "LORA, ADALORA, IA3"]),
        (["peft", "--peft", '{"peft_type": "IA3", "target_module": 1}'], ["Did you mean 'target_modules'?"]),
        (["peft", "--peft", '{"peft_type": "PREFIX_TUNING"}'], ["no merge", "--onnx none"]),
        (["peft", "--peft", "{"], ["--peft", "a JSON object"]),
        (["peft", "--peft", "nothing.json"], ["--peft", "nothing.json"]),
        (["lora", "--onnx", "none", "--onnx", "int8"], ["none alone, or precisions"]),
        (
            ["qdora", "--adapter-init", "pissa", "--adapter-targets", "k_proj", "--onnx", "fp16", "--epochs", "0"],
            ["n_epochs", "pissa with technique qdora", "k_proj matches no module", "fp16"],
        ),
    ],
)
def test_what_does_not_combine_is_refused_with_every_reason(
    arguments: list[str], said: list[str], with_names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", str(with_names), "--data", str(DESK / "train.jsonl"), "--technique", *arguments]
    assert run(["plan", *given]) == 2
    captured = capsys.readouterr()
    for part in said:
        assert part in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_a_plan_prints_what_it_chose_and_why(with_names: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", str(with_names), "--data", str(DESK / "train.jsonl"), "--technique", "qlora", *HELD]
    assert run(["plan", *arguments, "--adapter-targets", "qkv_proj", "--rslora", "--epochs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "adapter r 16, alpha 32, qkv_proj, rslora" in printed
    assert "learning_rate 0.003: base rate 0.003 x multiplier 1; " in printed
    assert "generated from the data and the model" in printed
    assert "n_epochs 2:" not in printed


def test_a_peft_config_may_stand_in_a_file(
    with_names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ia3.json").write_text('{"peft_type": "IA3", "feedforward_modules": [], "target_modules": ["o_proj"]}')
    arguments = ["--model", str(with_names), "--data", str(DESK / "train.jsonl"), "--technique", "peft", *HELD]
    code, made, _ = plan(capsys, *arguments, "--peft", str(tmp_path / "ia3.json"))
    assert code == 0
    assert made["hyperparameters"]["peft"]["target_modules"] == ["o_proj"]
    assert made["hyperparameters"]["adapter"] is None
    assert made["estimate"] is None


@pytest.mark.parametrize("broken", ["{", "[]", '{"hidden_size": 8}'])
def test_a_model_folder_that_cannot_be_read_is_named(
    broken: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "config.json").write_text(broken)
    code, _, said = plan(capsys, "--model", str(model), "--data", str(DESK / "train.jsonl"), "--technique", "lora")
    assert code == 2
    assert json.loads(said)["code"] == "unreadable_model"


def test_data_that_changed_after_the_plan_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.jsonl"
    shutil.copy(DESK / "train.jsonl", data)
    _, made, _ = plan(capsys, "--model", str(model), "--data", str(data), "--technique", "lora")
    (tmp_path / "plan.json").write_text(json.dumps(made))
    with data.open("a") as handle:
        handle.write('{"messages": []}\n')
    assert run(["train", str(tmp_path / "plan.json"), "-o", str(tmp_path / "run")]) == 2
    assert "changed since it was planned" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_output_folder_with_other_files_is_left_alone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    arguments = ["--model", str(model), "--data", str(DESK / "train.jsonl"), "--technique", "lora", *HELD]
    assert run(["train", *arguments, "-o", str(out)]) == 2
    assert "already holds files" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["precious.txt"]


def test_a_model_without_weights_ends_as_a_problem_not_a_traceback(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(DESK / "train.jsonl"), "--technique", "lora", *HELD]
    code = run(["train", "--model", str(model), *data, "-o", str(tmp_path / "run"), "--format", "json"])
    captured = capsys.readouterr()
    assert code == 2
    assert "unreadable_model" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (tmp_path / "run" / "manifest.json").exists()
