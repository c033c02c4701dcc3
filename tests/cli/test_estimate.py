"""tunegate estimate on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from service.cli.app import run
from service.records.estimate import Estimate, EstimateSet


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_json_is_exactly_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", "phi-3-mini-4k", "--technique", "lora", "--format", "json"]) == 0
    printed = capsys.readouterr()
    record = msgspec.json.decode(printed.out, type=Estimate)
    assert json.loads(printed.out) == msgspec.to_builtins(record)
    assert printed.err == ""


def test_several_techniques_are_a_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", "phi-3-mini-4k", "--technique", "lora", "--technique", "full", "--format", "json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=EstimateSet)
    assert [one.technique for one in found.estimates] == ["lora", "full"]


def test_text_shows_both_totals_the_largest_terms_and_a_verdict_per_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", "phi-3-mini-4k"]) == 0
    printed = capsys.readouterr().out
    for said in ("P50", "P90", "weights", "T4-16GB", "cpu", "fits", "no -", "Not validated", "Assumed"):
        assert said in printed


def test_markdown_has_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", "phi-3-mini-4k", "--technique", "qlora", "--format", "markdown"]) == 0
    assert "| qlora |" in capsys.readouterr().out


def test_text_and_markdown_name_the_smallest_machines_the_cheapest_technique_and_the_largest_sizes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["estimate", "phi-3-mini-4k", "--technique", "lora", "--technique", "full"]
    for arguments, before in ((asked, ""), ([*asked, "--format", "markdown"], "- ")):
        assert run(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        for said in (
            "Smallest Azure machine for lora: Standard_",
            "Cheapest that fits on an Azure machine: ",
            "Prices: ",
        ):
            assert any(line.startswith(before + said) for line in lines), said
        assert not any("Largest that fits" in line for line in lines), "no device was named"
    assert run([*asked, "--gpu", "RTX-4090-24GB"]) == 0
    printed = capsys.readouterr().out
    assert "no Azure machine of the rules has RTX-4090-24GB." in printed
    assert "Cheapest that fits there: lora on 1 x RTX-4090-24GB" in printed
    assert "Largest that fits at P90, lora on 1 x RTX-4090-24GB: micro-batch " in printed


def test_options_reach_the_inputs_and_win_over_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "inputs.json"
    file.write_text(json.dumps({"model": "llama-3.2-1b", "techniques": ["lora"], "seq_len": 64, "adapter": {"r": 8}}))
    arguments = ["estimate", "--inputs", str(file), "--seq-len", "128", "--adapter-targets", "q_proj", "--no-padded"]
    arguments += ["--gpu", "T4-16GB", "--gpu", "cpu", "--zero-stage", "2", "--gpus", "4", "--format", "json"]
    assert run(arguments) == 0
    inputs = json.loads(capsys.readouterr().out)["inputs"]
    assert (inputs["model"], inputs["seq_len"], inputs["padded"], inputs["gpus"]) == ("llama-3.2-1b", 128, False, 4)
    assert (inputs["adapter"]["r"], inputs["adapter"]["targets"]) == (8, ["q_proj"])
    assert inputs["gpu"] == ["T4-16GB", "cpu"]
    assert inputs["zero"]["stage"] == 2


def test_output_receives_what_stdout_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["estimate", "smollm2-135m", "--seq-len", "100", "--technique", "lora", "--format", "json"]
    assert run([*arguments, "--output", str(tmp_path / "est.json")]) == 0
    assert capsys.readouterr().out == ""
    assert msgspec.json.decode((tmp_path / "est.json").read_bytes(), type=Estimate).technique == "lora"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["phi-3-mini"], "phi-3-mini-4k"),
        (["phi-3-mini-4k", "--gpu", "A100-80"], "A100-80GB"),
        (["phi-3-mini-4k", "--technique", "qlra"], "qlora"),
        (["phi-3-mini-4k", "--technique", "peft"], "No formula"),
        (["phi-3-mini-4k", "--inputs", "nowhere.json"], "nowhere.json"),
        (["phi-3-mini-4k", "--report", "nowhere.json"], "nowhere.json"),
        (["phi-3-mini-4k", "--seq-len", "many"], "not a valid integer"),
        ([], "model"),
    ],
)
def test_unusable_input_ends_with_2_and_says_what_is_known(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["estimate", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_a_failure_as_json_is_a_problem_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", "phi-3.5-moe", "--format", "json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.err)["code"] == "unsupported_family"
    assert printed.out == ""


@pytest.mark.parametrize("content", ["[]", "{", "3"])
def test_an_inputs_file_that_is_no_object_is_refused(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inputs.json").write_text(content)
    assert run(["estimate", "gpt2", "--inputs", str(tmp_path / "inputs.json")]) == 2
    assert "inputs.json" in capsys.readouterr().err
