"""tunegate redact follows the [privacy] table of the project that it is run in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.app import run

MAIL, PHONE = "ada.quokka@example.org", "415-555-0132"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text(chat(f"Write to {MAIL} or call 0917 555 1234 or {PHONE}"))
    return tmp_path


def chat(content: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": content}]}) + "\n"


def test_the_project_says_what_may_stay_and_whose_numbers_are_read(here: Path) -> None:
    allow = f'[[privacy.allow]]\nentity = "EMAIL_ADDRESS"\nvalues = ["{MAIL}"]\n'
    (here / "tunegate.toml").write_text(f'[privacy]\nregions = ["PH"]\n{allow}')
    assert run(["redact", "data.jsonl", "-o", "clean.jsonl"]) == 0
    assert (here / "clean.jsonl").read_text() == chat(f"Write to {MAIL} or call <PHONE_NUMBER_1> or {PHONE}")
    # an option beats the table
    assert run(["redact", "data.jsonl", "-o", "none.jsonl", "--threshold", "0.99"]) == 0
    assert (here / "none.jsonl").read_bytes() == (here / "data.jsonl").read_bytes()


def test_a_table_that_cannot_be_used_is_told_before_anything_is_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "tunegate.toml").write_text("[privacy]\nregionen = 1\nthreshold = 'x'\n")
    assert run(["redact", "data.jsonl", "-o", "clean.jsonl"]) == 2
    said = capsys.readouterr().err
    assert "regionen" in said
    assert "threshold" in said
    assert not (here / "clean.jsonl").exists()
