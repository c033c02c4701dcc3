"""What `tunegate estimate` is given and cannot use: every mistake at once, in words, and no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.app import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("option", ["--inputs", "--report"])
def test_a_file_nested_endlessly_is_refused(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deep.json"
    # from some depth on a decoder can read it, and what comes after cannot
    for depth in (101, 980, 985, 990, 995, 20_000):
        file.write_text('{"model":' * depth + "1" + "}" * depth)
        assert run(["estimate", "smollm2-135m", option, str(file)]) == 2
        printed = capsys.readouterr()
        assert str(file) in printed.err
        assert printed.out == ""


def test_a_file_that_never_ends_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", "--inputs", "/dev/zero"]) == 2
    assert "10 MiB" in capsys.readouterr().err


def test_a_byte_order_mark_before_the_inputs_is_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "inputs.json"
    inputs = {"model": "smollm2-135m", "techniques": ["lora"], "seq_len": 16}
    file.write_text(json.dumps(inputs), encoding="utf-8-sig")
    assert run(["estimate", "--inputs", str(file), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["inputs"]["seq_len"] == 16


def test_values_of_the_wrong_kind_and_out_of_range_are_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "inputs.json"
    inputs = {"model": "smollm2-135m", "seq_len": "x", "techniques": ["LoRA"], "gpus": 0, "adapter": {"dropout": 2}}
    file.write_text(json.dumps(inputs))
    assert run(["estimate", "--inputs", str(file), "--format", "json"]) == 2
    errors = {one["where"]: one for one in json.loads(capsys.readouterr().err)["errors"]}
    assert set(errors) == {"seq_len", "techniques", "gpus", "adapter.dropout"}
    assert errors["techniques"]["remedy"] == "Did you mean 'lora'?"


def test_what_depends_on_an_unreadable_value_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "inputs.json"
    inputs = {"model": "smollm2-135m", "techniques": ["peft"], "tier": 1, "peft": {"peft_type": "IA3"},
              "zero": {"stage": "x", "offload_params": True}}  # fmt: skip
    file.write_text(json.dumps(inputs))
    assert run(["estimate", "--inputs", str(file), "--format", "json"]) == 2
    assert {one["where"] for one in json.loads(capsys.readouterr().err)["errors"]} == {"tier", "zero.stage"}


@pytest.mark.parametrize("format_", ["text", "markdown"])
def test_what_techniques_do_not_share_is_said_of_each(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["estimate", "smollm2-135m", "--seq-len", "64", "--format", format_]
    assert run([*asked, "--technique", "full", "--technique", "lora", "--technique", "qlora"]) == 0
    lines = [line.removeprefix("- ") for line in capsys.readouterr().out.splitlines()]
    header = next(line for line in lines if line.startswith("smollm2-135m: "))
    assert "64 tokens x micro-batch 1, fp32 (full), bf16 (lora, qlora), attention sdpa, checkpointing on" in header
    assumed = next(line for line in lines if line.startswith("Assumed: "))
    assert "base_dtype fp32 (full), bf16 (lora, qlora)" in assumed
    assert "adapter.r 16 (lora, qlora)" in assumed
    assert "double_quant True (qlora)" in assumed
    assert "micro_batch 1;" in assumed
    assert "qlora: Preparing a 4-bit model keeps embeddings, norms and head in fp32." in lines
    assert "What was left open is our trainer's default on each device that is judged." in lines


def test_figures_of_any_size_stand_apart(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["estimate", "smollm2-135m", "--technique", "full", "--seq-len", "10000000", "--micro-batch", "65536"]
    assert run(asked) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("full "))
    assert all(float(figure) > 1e6 for figure in row.split()[1:4])


def test_packing_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["estimate", "smollm2-135m", "--technique", "lora", "--seq-len", "64", "--packing", "--format", "json"]
    assert run(asked) == 0
    assert json.loads(capsys.readouterr().out)["inputs"]["packing"] is True
