"""tunegate lint on the command line: exit codes, formats, and what goes where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.app import run

GOOD = Path(__file__).resolve().parents[2] / "examples" / "library-desk"


def test_clean_data_exits_0_and_prints_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(GOOD / "train.jsonl"), "--target", "local", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "tunegate.lint-report/1"
    assert report["verdict"] == "pass"


def test_flawed_data_exits_1_and_names_every_planted_defect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(GOOD / "flawed.jsonl"), "--target", "local", "--format", "json"]) == 1
    counts = json.loads(capsys.readouterr().out)["counts"]
    planted = {"R030", "R031", "R006", "R012", "R022", "R010", "Q001", "S010", "F029", "T014", "T021", "F008"}
    assert planted <= set(counts)


def test_a_table_is_sent_to_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "export.csv"
    table.write_text("question,answer\nHi?,Hello.\n")
    assert run(["lint", str(table), "--target", "local"]) == 1
    assert "tunegate convert" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["azure-openai", "openai", "azure-serverless", "local", "trl", "azure-ml"])
def test_the_example_has_no_error_for_any_target(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(GOOD / "train.jsonl"), "--validation", str(GOOD / "validation.jsonl")]
    assert run(["lint", *files, "--target", target]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data.jsonl"], "--target is required"),
        (["data.jsonl", "--target", "opnai"], "Did you mean 'openai'?"),
        (["missing.jsonl", "--target", "local"], "missing.jsonl: No such file"),
        ([".", "--target", "local"], "a folder"),
        (["data.jsonl", "--target", "local", "--select", "R999"], "R999"),
        (["data.jsonl", "--target", "local", "--method", "ppo"], "sft, dpo, rft"),
        (["--target", "local"], "Missing argument"),
    ],
)
def test_bad_usage_exits_2_and_says_what_to_do(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.jsonl").write_text("{}\n")
    assert run(["lint", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"hello\n", "ünï\n".encode("utf-16")])
def test_readable_bytes_that_are_no_dataset_get_a_report(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    assert run(["lint", str(path), "--target", "local", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"]


def test_a_failure_as_json_is_a_problem_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "missing.jsonl", "--target", "local", "--format", "json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["code"] == "unreadable_path"


def test_sarif_names_rule_line_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    run(["lint", str(GOOD / "flawed.jsonl"), "--target", "local", "--format", "sarif"])
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    rules = one["tool"]["driver"]["rules"]
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}


def test_output_receives_what_stdout_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["lint", str(GOOD / "train.jsonl"), "--target", "local", "--format", "json"]
    run(arguments)
    printed = capsys.readouterr().out
    run([*arguments, "--output", str(tmp_path / "report.json")])
    assert capsys.readouterr().out == ""
    assert (tmp_path / "report.json").read_text() == printed
