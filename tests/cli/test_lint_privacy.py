"""tunegate lint and personal data: the options, the [privacy] table, the exit codes, and the plan that it blocks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run

MAIL = "ada@quokkas.org"
Lint = Callable[..., dict[str, Any]]


def rows(answer: str) -> str:
    said = [
        [("system", "Be brief."), ("user", f"Question {n}?"), ("assistant", answer if n == 4 else f"Answer {n}.")]
        for n in range(60)
    ]
    made = [{"messages": [{"role": role, "content": text} for role, text in row]} for row in said]
    return "".join(json.dumps(row) + "\n" for row in made)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an e-mail address in an answer; nobody says whether to look for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNEGATE_PRIVACY")
    (tmp_path / "data.jsonl").write_text(rows(f"Ask {MAIL}."))
    return tmp_path


@pytest.fixture
def report(project: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    def lint(*arguments: str, code: int = 1) -> dict[str, Any]:
        assert run(["lint", "data.jsonl", "--target", "openai", "--format", "json", *arguments]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return lint


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> dict[str, Any]:
    assert run(["lint", "data.jsonl", "--target", "openai", "--format", "json", *arguments]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    problem: dict[str, Any] = json.loads(shown.err)
    return problem


def test_patterns_are_looked_for_without_being_asked(report: Lint) -> None:
    found = report()
    assert (found["counts"]["P001"], found["counts"]["P040"], found["verdict"]) == (1, 1, "fail")
    assert (found["facts"]["data.pii_findings"], found["facts"]["data.pii_scan"]) == (1, "patterns")
    (one,) = [one for one in found["findings"] if one["rule"] == "P001"]
    assert (one["line"], one["pointer"], one["severity"], one["fix"]) == (5, "/messages/2/content", "warning", "none")
    assert one["personal"] == {
        "entity": "EMAIL_ADDRESS", "start": 4, "end": 19, "score": 1.0, "value": one["personal"]["value"],
    }  # fmt: skip
    assert MAIL not in json.dumps(found)


def test_off_is_a_choice_that_the_report_tells(report: Lint) -> None:
    assert "personal data and secrets" in [one["what"] for one in report("--privacy", "off", code=0)["not_scanned"]]


def test_without_the_part_patterns_are_left_out_loudly_or_refused(
    report: Lint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    (said,) = [one["why"] for one in report(code=0)["not_scanned"] if one["what"] == "personal data and secrets"]
    assert "pip install 'tunegate[privacy]'" in said
    problem = refused(capsys, 3, "--privacy", "patterns")
    assert (problem["code"], problem["remedy"]) == ("missing_extra", "pip install 'tunegate[privacy]'")


def test_a_file_of_recognizers_that_is_not_there_is_told_where_it_is_named(
    project: Path, report: Lint, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tunegate.toml").write_text('[privacy]\nrecognizers = "own.yaml"\n')
    (error,) = refused(capsys, 2, "--privacy", "patterns")["errors"]
    assert error["where"].endswith("privacy.recognizers")
    assert error["seen"].endswith("own.yaml: no such file")
    report("--privacy", "off", code=0)


def test_a_project_says_how_to_look(project: Path, report: Lint) -> None:
    (project / "tunegate.toml").write_text(
        f"""
        [privacy]
        mode = "patterns"
        languages = ["en", "es"]
        thresholds = {{ PHONE_NUMBER = 0.9 }}
        regions = ["GB"]
        [[privacy.allow]]
        entity = "EMAIL_ADDRESS"
        values = ["{MAIL}"]
        """
    )
    found = report(code=0)
    gaps = {one["what"]: one["why"] for one in found["not_scanned"]}
    assert gaps["allowed values"].endswith("EMAIL_ADDRESS x 1")
    assert "personal data in other languages than en, es" in gaps
    assert "personal data in other languages than en" in {
        one["what"] for one in report("--language", "en", code=0)["not_scanned"]
    }


def test_an_option_beats_the_table_and_the_table_of_our_file_that_of_pyproject(project: Path, report: Lint) -> None:
    (project / "pyproject.toml").write_text('[tool.tunegate.privacy]\nmode = "off"\nsample = 0.5\n')
    assert "P001" not in report(code=0)["counts"]
    (project / "tunegate.toml").write_text('[privacy]\nmode = "patterns"\nsample = 1.0\n')
    assert report()["counts"]["P001"] == 1
    assert "P001" not in report("--privacy", "off", code=0)["counts"]


def test_a_word_may_stand_for_the_table(project: Path, report: Lint) -> None:
    (project / "tunegate.toml").write_text('privacy = "off"\n')
    assert "P001" not in report(code=0)["counts"]


def test_every_mistake_of_the_table_is_told_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tunegate.toml").write_text(
        """
        [privacy]
        mode = "patern"
        treshold = 0.5
        sample = 0
        [[privacy.allow]]
        patterns = ["(a"]
        """
    )
    problem = refused(capsys, 2)
    assert problem["code"] == "invalid_input"
    told = {one["where"].partition(": ")[2]: one for one in problem["errors"]}
    assert set(told) == {"privacy.mode", "privacy.treshold", "privacy.sample", "privacy.allow[0].patterns[0]"}
    assert "threshold" in told["privacy.treshold"]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--language", "english"), "ISO 639"),
        (("--language", "xx"), "ISO 639"),
        (("--language", "pt-BR"), "Did you mean 'pt'?"),
        (("--privacy", "ner"), "ner"),
    ],
)
def test_what_cannot_be_looked_for_is_bad_usage(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in json.dumps(refused(capsys, 2, *arguments))


def test_a_copy_with_fixes_leaves_personal_data_to_redact(
    project: Path, report: Lint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report("--fix", "--unsafe-fixes", "-o", "copy.jsonl")["counts"]["P001"] == 1
    assert MAIL in (project / "copy.jsonl").read_text()
    assert run(["explain", "P001"]) == 0
    assert "tunegate redact" in capsys.readouterr().out


def test_a_plan_on_personal_data_is_blocked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "model").mkdir()
    (project / "model" / "config.json").write_text(
        json.dumps({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 512,
            "max_position_embeddings": 512, "torch_dtype": "float32",
        })
    )  # fmt: skip
    arguments = ["plan", "--model", "model", "--data", "data.jsonl", "--technique", "lora", "--format", "json"]
    arguments += ["--override", "no_baseline_evaluation=planned for its data alone"]
    key = "postgres://app:Kq7vR2mWx9TzB4@db.internal:5432/orders"
    (project / "model" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (project / "data.jsonl").write_text(rows(f"It is {key}"))
    assert run(arguments) == 1
    (blocker,) = json.loads(capsys.readouterr().out)["blockers"]
    assert (blocker["code"], blocker["overridable"]) == ("pii_findings", True)
    assert "S002 x 1" in blocker["detail"]
    assert run([*arguments, "--override", "pii_findings=a made-up key"]) == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("SECRET_AWS_ACCESS_KEY", ["AWS access key id", "What to do", "S001"]),
        ("secret_url_password", ["What to do", "S002"]),
        ("EMAIL_ADDRESS", ["# P001"]),
    ],
)
def test_what_a_finding_names_is_explained(asked: str, said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", asked]) == 0
    page = capsys.readouterr().out
    assert all(one in page for one in said)
