"""tunegate evaluate on the command line: record, exit codes, and that no text of rows or answers is printed."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, chat

from service.cli.app import run
from service.data import rule_files

MARKER = "quokka"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [chat(f"{MARKER} asks {n}", f"{MARKER} answers {n}") for n in range(10)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("old.jsonl").write_text(json.dumps(chat(f"{MARKER} asks 99", f"{MARKER} answers 99")) + "\n")
    Path("docs").mkdir()
    Path("docs/a.txt").write_text(f"The {MARKER} is here.\n")
    return tmp_path


def answer(body: dict[str, Any], number: int) -> Said:
    """Right below 8, so that eight of ten are."""
    n = int(body["messages"][-1]["content"].split()[-1])
    return Said(text=f"{MARKER} answers {n if n < 8 or n == 99 else 'nothing'}")


def test_the_record_is_json_and_holds_no_text(capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    with Endpoint(answer) as endpoint:
        arguments = ["--model", f"m@{endpoint.url}", "-o", "out", "--documents", "docs", "--samples", "1"]
        code = run(["evaluate", "rows.jsonl", "--regression", "old.jsonl", *arguments, "--format", "json"])
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert (code, record["schema"], record["complete"]) == (0, "tunegate.evaluation/1", True)
    assert [(one["path"], one["role"], one["rows"]) for one in record["data"]] == [
        ("rows.jsonl", "evaluation", 10), ("old.jsonl", "regression", 1),
    ]  # fmt: skip
    assert {(one["variant"], one["answered"]) for one in record["cells"]} == {("zero-shot", 11), ("rag", 11)}
    assert json.loads(Path("out/evaluation.json").read_text()) == record
    assert MARKER in Path("out/answers.jsonl").read_text()
    assert MARKER not in f"{printed}{caplog.text}{Path('out/evaluation.json').read_text()}"
    assert "readable by you only" in printed.err


@pytest.mark.parametrize(("goal", "code", "status"), [
    ("exact_match>=60%", 0, "met"), ("exact_match >= 0.95", 1, "not-met"),
])  # fmt: skip
def test_the_exit_code_says_whether_the_goal_is_met(
    capsys: pytest.CaptureFixture[str], goal: str, code: int, status: str
) -> None:
    rows = [chat(f"{MARKER} asks {n}", f"{MARKER} answers {n}") for n in range(100)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def rule(body: dict[str, Any], number: int) -> Said:
        n = int(body["messages"][-1]["content"].split()[-1])
        return Said(text=f"{MARKER} answers {n if n < 80 else 'nothing'}")

    with Endpoint(rule) as endpoint:
        assert run(["evaluate", "rows.jsonl", "--model", f"m@{endpoint.url}", "-o", "out", "--goal", goal]) == code
    printed = capsys.readouterr().out
    assert "exact_match" in printed
    assert f"\n{status} (" in printed
    assert json.loads(Path("out/evaluation.json").read_text())["conclusion"]["status"] == status


def test_faults_are_told_without_text(capsys: pytest.CaptureFixture[str]) -> None:
    echo = json.dumps({"error": {"code": MARKER, "param": MARKER, "message": MARKER}}).encode()
    with Endpoint(lambda body, number: Said(status=400, raw=echo)) as endpoint:
        model = ["--model", f"m@{endpoint.url}"]
        assert run(["evaluate", "rows.jsonl", *model, "-o", "out"]) == 3
        assert run(["evaluate", "rows.jsonl", *model, "-o", "out", "--format", "json"]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "refused_request" in printed.err
    assert MARKER not in printed.err


def test_bad_input_is_told_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--goal", "good", "--concurrency", "0", "--budget", "1", "--price", "x", "--temperature", "7"]
    assert run(["evaluate", "rows.jsonl", "--model", "m@http://h/v1", "-o", "out", *arguments]) == 2
    told = capsys.readouterr().err
    for where in ("goal", "concurrency", "price", "temperature", "model m"):
        assert f"  {where}; " in told
    Path("bad.jsonl").write_text(f'{{"messages": "{MARKER}"}}\n{MARKER}\n')
    assert run(["evaluate", "bad.jsonl", "missing.jsonl", "--model", "m@http://h/v1", "-o", "out"]) == 2
    assert run(["evaluate", "bad.jsonl", "--model", "m@http://h/v1", "-o", "out"]) == 2
    told = capsys.readouterr().err
    assert "missing.jsonl" in told
    assert "bad.jsonl:1" in told
    assert "bad.jsonl:2" in told
    assert MARKER not in told


def test_a_missing_key_is_exit_3(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    arguments = ["--model", "m@http://h/v1", "--api-key-env", "NO_SUCH_KEY", "-o", "out"]
    assert run(["evaluate", "rows.jsonl", *arguments]) == 3
    assert "NO_SUCH_KEY is not set" in capsys.readouterr().err


def test_rows_without_expected_answers_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_text(json.dumps(chat(f"{MARKER} asks 1")) + "\n")
    with Endpoint(answer) as endpoint:
        assert run(["evaluate", "rows.jsonl", "--model", f"m@{endpoint.url}", "-o", "out"]) == 0
    assert "1 rows have no expected answer" in capsys.readouterr().out


def test_own_rules_are_measured_by_and_changed_ones_measure_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = rule_files().read("evaluation.toml").decode()
    Path("own").mkdir()
    monkeypatch.setenv("TUNEGATE_RULES", "own")
    margins = []
    with Endpoint(answer) as endpoint:
        for margin in ("0.03", "0.04", "0.04"):
            Path("own/evaluation.toml").write_text(rules.replace("value = 0.02", f"value = {margin}"))
            assert run(["evaluate", "rows.jsonl", "--model", f"m@{endpoint.url}", "-o", "out"]) == 0
            margins.append(json.loads(Path("out/evaluation.json").read_text())["settings"]["margin"])
    assert margins == [0.03, 0.04, 0.04]
    assert len(endpoint.bodies) == 10
    assert capsys.readouterr().err.count("nothing to ask") == 1


def test_a_goal_of_which_less_is_better_is_shown_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [chat(f"{MARKER} asks {n}", evaluation={"refuse": False}) for n in range(100)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Endpoint(answer) as endpoint:
        command = ["evaluate", "rows.jsonl", "--model", f"m@{endpoint.url}", "-o", "out"]
        assert run([*command, "--goal", "over_refusal<=10%"]) == 0
    assert "\nmet (over_refusal <= 0.1): " in capsys.readouterr().out
