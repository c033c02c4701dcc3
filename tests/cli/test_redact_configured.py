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


def test_the_entities_of_the_table_are_those_that_go(here: Path) -> None:
    (here / "tunegate.toml").write_text('[privacy]\nentities = ["PHONE_NUMBER"]\n')
    assert run(["redact", "data.jsonl", "-o", "clean.jsonl"]) == 0
    assert (here / "clean.jsonl").read_text() == chat(f"Write to {MAIL} or call 0917 555 1234 or {PHONE}").replace(
        "0917 555 1234", "<PHONE_NUMBER_1>"
    ).replace(PHONE, "<PHONE_NUMBER_2>")
    # an option beats the table
    assert run(["redact", "data.jsonl", "-o", "mail.jsonl", "--entities", "EMAIL_ADDRESS"]) == 0
    assert MAIL not in (here / "mail.jsonl").read_text()
    assert PHONE in (here / "mail.jsonl").read_text()


@pytest.mark.parametrize(
    ("option", "table", "scanned"),
    [
        (["auto"], "", "en, es, it, pl, de, fr"),
        ([], 'languages = ["auto"]', "en, es, it, pl, de, fr"),
        (["auto", "en", "es"], 'languages = ["de"]', "en, es"),
        ([], 'languages = ["auto", "es"]', "es"),
        (["deu", "EN"], "", "de, en"),
        ([], 'languages = ["fil"]', "tl"),
    ],
)
def test_a_language_means_the_same_in_the_table_and_as_an_option(
    here: Path, capsys: pytest.CaptureFixture[str], option: list[str], table: str, scanned: str
) -> None:
    (here / "tunegate.toml").write_text(f"[privacy]\n{table}\n")
    named = [part for code in option for part in ("--language", code)]
    assert run(["redact", "data.jsonl", "-o", "clean.jsonl", "--format", "json", *named]) == 0
    record = json.loads(capsys.readouterr().out)
    assert ", ".join(record["options"]["languages"]) == scanned
    assert f"texts are scanned as {scanned}" in [one["why"] for one in record["not_scanned"]]


def test_every_mistake_of_the_table_is_told_before_anything_is_read(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = '[privacy]\nlanguages = ["en", "qq"]\nregions = ["UK", "PH"]\nthreshold = 2.0\n'
    (here / "tunegate.toml").write_text(table)
    assert run(["redact", "missing.jsonl", "-o", "clean.jsonl", "--format", "json"]) == 2
    problem = json.loads(capsys.readouterr().err)
    told = {one["where"].partition(": ")[2]: one["remedy"] for one in problem["errors"]}
    assert set(told) == {"privacy.languages", "privacy.regions", "privacy.threshold"}
    assert told["privacy.regions"] == "Did you mean 'GB'?"
    assert len(json.dumps(problem)) < 1500


@pytest.mark.parametrize("verb", [["redact", "missing.jsonl", "-o", "x"], ["lint", "missing.jsonl", "--target", "trl"]])
def test_names_that_no_recognizer_knows_are_told_together(
    here: Path, capsys: pytest.CaptureFixture[str], verb: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEGATE_PRIVACY", "patterns")
    (here / "tunegate.toml").write_text(
        '[privacy]\nentities = ["EMAIL_ADRESS", "CREDIT_CARD", "PERSON"]\nwithout = ["IP_ADRESS"]\n'
        "thresholds = { PHONE = 0.5, PHONE_NUMBER = 0.4 }\n"
        '[[privacy.allow]]\nentity = "email_address"\nvalues = ["x"]\n'
    )
    assert run([*verb, "--format", "json"]) == 2
    told = {one["where"].partition(": ")[2]: one["remedy"] for one in json.loads(capsys.readouterr().err)["errors"]}
    assert set(told) == {
        "privacy.entities",
        "privacy.without[0]",
        "privacy.thresholds.PHONE",
        "privacy.allow[0].entity",
    }
    assert told["privacy.without[0]"] == "Did you mean 'IP_ADDRESS'?"
    assert told["privacy.allow[0].entity"] == "Did you mean 'EMAIL_ADDRESS'?"


@pytest.mark.parametrize(("reserved", "stays"), [("info", False), ("personal", False), ("allow", True)])
def test_what_is_nobodys_goes_unless_the_table_allows_it(here: Path, reserved: str, *, stays: bool) -> None:
    (here / "tunegate.toml").write_text(f'[privacy]\nreserved = "{reserved}"\n')
    assert run(["redact", "data.jsonl", "-o", "clean.jsonl"]) == 0
    made = (here / "clean.jsonl").read_text()
    assert (MAIL in made, PHONE in made) == (stays, stays)
