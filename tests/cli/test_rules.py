"""tunegate rules on the command line: audit, show, diff, and an own folder laid over the shipped rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.app import run
from service.data import rule_files

FACTS = Path(__file__).resolve().parents[2] / "examples" / "scenarios" / "library-desk.toml"
ESCALATION = rule_files().read("escalation.toml")
STRICTER = ESCALATION.replace(b'"< 50"', b'"< 500"').replace(b'">= 50"', b'">= 500"')


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("TUNEGATE_RULES", str(folder))
    return folder


def test_the_shipped_rules_audit_clean_but_for_dates(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "audit", "--no-dates"]) == 0
    capsys.readouterr()
    assert run(["rules", "audit", "--on", "2030-01-01", "--format", "json"]) == 1
    assert any("ESC-080: its review was due" in one for one in json.loads(capsys.readouterr().out)["problems"])


@pytest.mark.parametrize(
    "table", ["escalation", "scenarios", "conflicts", "platforms", "azure-machines", "facts", "lint"]
)
def test_every_table_is_shown(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "show", table]) == 0
    assert capsys.readouterr().out.startswith("| id | when | then | why |")
    assert run(["rules", "show", table, "--format", "json"]) == 0
    view = json.loads(capsys.readouterr().out)
    assert {key for row in view["rules"] for key in row["cite"]} <= set(view["sources"])


def test_an_unknown_table_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "show", "escalatio"]) == 2
    assert "Did you mean 'escalation'?" in capsys.readouterr().err


def test_an_own_folder_changes_the_answer(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "escalation.toml").write_bytes(STRICTER)
    assert run(["advise", str(FACTS), "--set", "data.rows=240", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"]["step"] == "collect-data"


def test_a_broken_own_folder_says_everything_at_once(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "escalation.toml").write_bytes(ESCALATION.replace(b'"gap.kind" = "none"', b'"gap.kind" = "nome"'))
    (own / "tarjet.toml").write_bytes(b"")
    assert run(["advise", str(FACTS)]) == 2
    said = capsys.readouterr().err
    assert "escalation.toml: ESC-020" in said
    assert "Did you mean 'none'?" in said
    assert "tarjet.toml" in said
    assert "Did you mean 'target.toml'?" in said


def test_diff_replays_decisions_and_exits_1_when_an_answer_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision, new = tmp_path / "decision.json", tmp_path / "new"
    stated = ["--set", "data.rows=240", "--set", "fit.lora=fits", "--format", "json", "--output", str(decision)]
    assert run(["advise", str(FACTS), *stated]) == 0
    new.mkdir()
    assert run(["rules", "diff", "-", str(new), "--decision", str(decision)]) == 0
    assert "1 decision(s) replayed, 0 answer(s) change" in capsys.readouterr().out
    (new / "escalation.toml").write_bytes(STRICTER)
    assert run(["rules", "diff", "-", str(new), "--decision", str(decision), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["rule"] for one in found["rules"]] == ["ESC-060", "ESC-070", "ESC-080", "ESC-090", "ESC-100"]
    assert found["changed"][0]["new"]["step"] == "collect-data"


def test_diff_reads_the_data_folder_and_names_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    assert run(["rules", "diff", "-", "-"]) == 0
    assert "0 decision(s) replayed" in capsys.readouterr().out
    assert not (tmp_path / "home").exists()
    assert run(["rules", "diff", "-", str(tmp_path / "nowhere")]) == 2
    assert run(["rules", "diff", "-", "-", "--decision", str(FACTS)]) == 2
