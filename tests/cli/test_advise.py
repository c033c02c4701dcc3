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


def test_contradictions_exit_2_and_name_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    stated = ["--set", "data.rows=500", "--set", "compute.managed_by=provider", "--set", "control.needed=no"]
    stated += ["--set", "data.may_leave=yes"]
    assert run(["advise", str(FACTS), *stated]) == 2
    said = capsys.readouterr().err
    assert "CON-010" in said
    assert "artifact.needed = hosted" in said


def test_one_fact_is_not_stated_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--set", "gap.kind=none", "--set", "gap.kind=format"]) == 2
    assert "given twice" in capsys.readouterr().err


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_every_rendering_names_answer_reasons_and_cautions(format_: str, tmp_path: Path) -> None:
    stated = ["--set", "data.rows=500", "--set", "fit.lora=fits"]
    out = tmp_path / "decision"
    assert run(["advise", str(FACTS), *stated, "--format", format_, "--output", str(out)]) == 0
    content = out.read_text()
    for part in ("fine-tune, lora", "ESC-080", "CAU-010", "SCN-"):
        assert part in content
    if format_ == "html":
        assert content.startswith("<!doctype html>")
        assert "<table>" in content
        assert "<script" not in content
        assert "http" not in content.replace("http-equiv", "")  # the page asks nobody for anything


def test_tagalog_asks_in_tagalog_and_keeps_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    records = []
    for language in ("en", "tl"):
        assert run(["advise", str(FACTS), "--lang", language, "--format", "json"]) == 1
        records.append(json.loads(capsys.readouterr().out))
    assert records[0]["id"] == records[1]["id"]
    assert records[1]["unknown"][0]["ask"].startswith("Ilan ang wastong usapan?")
    assert run(["advise", str(FACTS), "--lang", "tk"]) == 2


@pytest.mark.parametrize(
    "identifier",
    [
        "R030",
        "ESC-060",
        "esc-060",
        "SCN-070",
        "CON-010",
        "PLT-060",
        "AI Studio",
        "qlora",
        "gap.kind",
        "phi-4",
        "SKU-060",
    ],
)
def test_any_id_is_explained(identifier: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", identifier]) == 0
    assert capsys.readouterr().out.startswith("#")


def test_an_unknown_rule_id_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "ESC-61"]) == 2
    said = capsys.readouterr().err
    assert "Did you mean" in said
    assert "'ESC-61'" in said
