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
