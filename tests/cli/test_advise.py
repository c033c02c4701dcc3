"""tunegate advise, explain and rules on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.app import run

FACTS = Path(__file__).resolve().parents[2] / "examples" / "scenarios" / "library-desk.toml"


def test_missing_facts_exit_1_with_the_questions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", str(FACTS), "--format", "json"]) == 1
    decision = json.loads(capsys.readouterr().out)
    assert decision["answer"] is None
    assert decision["unknown"][0]["fact"] == "data.rows"


def test_set_completes_and_overrides_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    stated = ["--set", "data.rows=500", "--set", "fit.lora=fits", "--set", "scenario=chatbot,nlp-tasks"]
    assert run(["advise", str(FACTS), *stated, "--format", "json"]) == 0
    decision = json.loads(capsys.readouterr().out)
    assert decision["answer"] == {"step": "fine-tune", "technique": "lora", "sharding": "none", "target": "local"}
    assert {"name": "scenario", "value": ["chatbot", "nlp-tasks"], "from": "asked"} in decision["facts"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "gap.kin=format"], "Did you mean 'gap.kind'?"),
        (["--set", "gap.kind=behavior"], "Did you mean 'behaviour'?"),
        (["--set", "gap.kind"], "NAME=VALUE"),
        (["--edition", "orignal"], "Did you mean 'original'?"),
        (["missing.toml"], "missing.toml"),
        (["--report", str(FACTS)], "not a LintReport"),
    ],
)
def test_unusable_facts_exit_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_json_and_toml_facts_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "facts.json").write_text('{"facts": {"eval.exists": false}}')
    (tmp_path / "facts.toml").write_text('"eval.exists" = false\n')
    answers = []
    for name in ("facts.json", "facts.toml"):
        assert run(["advise", str(tmp_path / name), "--format", "json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["id"])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("identifier", ["R030", "ESC-060", "SCN-070"])
def test_any_rule_id_is_explained(identifier: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", identifier]) == 0
    assert identifier in capsys.readouterr().out


def test_an_unknown_rule_id_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "ESC-61"]) == 2
    assert "Did you mean" in capsys.readouterr().err


def test_the_shipped_rules_audit_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "audit"]) == 0
    assert run(["rules", "show", "escalation"]) == 0
    assert "ESC-010" in capsys.readouterr().out
