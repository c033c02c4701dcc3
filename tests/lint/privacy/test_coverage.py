"""What the report says of the scan itself: what was not looked for, in which languages, in how many rows, and why."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.lint import workers
from service.privacy.allowed import Allow
from service.privacy.settings import PrivacySettings
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.privacy import PrivacyRequest

Report = Callable[..., LintReport]
NAMES = "PERSON, LOCATION, ORGANIZATION"
EVERYTHING = "personal data and secrets"


def chat(question: str, answer: str = "Yes.") -> dict[str, Any]:
    said = (("system", "Be brief."), ("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text} for role, text in said]}


def gaps(report: LintReport) -> dict[str, str]:
    return {one.what: one.why for one in report.not_scanned}


def test_names_are_said_not_to_be_looked_for(report: Report) -> None:
    made = report([chat("Ask Ada Lovelace in London.")])
    assert gaps(made)[NAMES] == "NOT looked for: no named-entity model is configured"
    assert gaps(made)["personal data in other languages than en"] == "every text was scanned as en"
    assert made.facts["data.pii_scan"] == "patterns"


def test_off_says_so_and_no_rule_counts_as_run(report: Report) -> None:
    made = report([chat("Ask ada@quokkas.org")], privacy={"mode": "off"})
    assert gaps(made)[EVERYTHING] == "the privacy scan is switched off"
    assert made.facts["data.pii_scan"] == "none"
    assert "data.pii_findings" not in made.facts
    assert not {"P001", "P041", "P043", "S001"} & set(made.rules_run)
    assert "S010" in made.rules_run


def test_without_the_part_the_report_is_loud_and_a_scan_by_name_is_refused(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    why = gaps(report([chat("Hi?")], privacy={"mode": None}))[EVERYTHING]
    assert why.startswith("NOTHING was looked for")
    assert "pip install 'tunegate[privacy]'" in why
    with pytest.raises(TuneGateError) as refused:
        report([chat("Hi?")])
    assert (refused.value.code, refused.value.exit_code) == ("missing_extra", 3)


def test_choosing_other_rules_scans_nothing_and_says_so(report: Report) -> None:
    made = report([chat("Ask ada@quokkas.org")], select=["R", "Q"])
    assert gaps(made)[EVERYTHING] == "none of its rules was asked for"


def test_names_without_a_model_are_bad_usage(report: Report) -> None:
    with pytest.raises(TuneGateError) as refused:
        report([chat("Hi?")], privacy={"mode": "ner"})
    assert refused.value.exit_code == 2
    assert "ner =" in refused.value.remedy


def test_a_model_that_is_not_here_is_said_or_is_an_error(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "ner.yaml"
    path.write_text(
        "nlp_configuration:\n  nlp_engine_name: spacy\n  models:\n    - lang_code: en\n      model_name: xx_not_here\n"
    )
    settings = PrivacySettings(ner=str(path))
    made = report([chat("Ask Ada.")], privacy={"mode": "ner", "settings": settings})
    assert "xx_not_here" in gaps(made)[NAMES]
    assert made.facts["data.pii_scan"] == "patterns"
    assert [one.message for one in made.findings if one.rule == "P043"] == [f"not scanned, though asked for: {NAMES}"]
    # patterns alone were asked for
    assert "P043" not in report([chat("Ask Ada.")], privacy={"settings": settings}).counts
    with pytest.raises(TuneGateError) as refused:
        report([chat("Hi?")], privacy={"mode": "ner", "settings": PrivacySettings(ner=str(path), require_ner=True)})
    assert refused.value.exit_code == 3


SPANISH = chat("Mi documento nacional de identidad, el NIF, es 54362315K y vivo en una ciudad del sur.")
ENGLISH = chat("My social security number is 536-90-4399, and I live in a town of the south.")


def test_rows_are_scanned_as_the_language_that_is_named_or_told(report: Report) -> None:
    def entities(*languages: str) -> dict[str, int]:
        statistics = report([SPANISH, ENGLISH], privacy={"languages": languages}).statistics
        assert statistics is not None
        return statistics.personal

    assert entities() == entities("en") == {"US_SSN": 1}
    assert entities("es") == {"ES_NIF": 1}
    assert entities("en", "es") == entities("auto", "en", "es") == {"ES_NIF": 1, "US_SSN": 1}
    made = report([SPANISH, ENGLISH], privacy={"languages": ("auto", "en", "es")})
    assert gaps(made)["personal data in other languages than en, es"].endswith("(rows: en 1, es 1)")


VALUE = "help@quokkas.org"


@pytest.mark.parametrize(
    "allow",
    [
        Allow(entity="EMAIL_ADDRESS", values=(VALUE,)),
        Allow(values=(VALUE,)),
        Allow(sha256=(hashlib.sha256(VALUE.encode()).hexdigest(),)),
        Allow(entity="EMAIL_ADDRESS", patterns=(r"(help|info)@quokkas\.org",)),
    ],
)
def test_allowed_values_are_no_findings_and_are_counted(report: Report, allow: Allow) -> None:
    rows = [chat(f"Ask {VALUE}"), chat(f"Ask {VALUE} or ada@quokkas.org")]
    made = report(rows, privacy={"allow": (allow,)})
    assert made.counts["P001"] == 1
    assert gaps(made)["allowed values"].endswith("EMAIL_ADDRESS x 2")
    assert VALUE not in msgspec.json.encode(made).decode()


@pytest.mark.parametrize(
    "allow",
    [
        Allow(entity="PHONE_NUMBER", values=(VALUE,)),
        # the whole value, and a pattern that never ends allows nothing
        Allow(patterns=("help",)),
        Allow(patterns=(r"(([a-z])+.)+[A-Z]([a-z])+$",)),
    ],
)
def test_what_is_not_named_is_not_allowed(report: Report, allow: Allow) -> None:
    long = f"{'help' * 12}@quokkas.org"
    assert report([chat(f"Ask {VALUE}"), chat(f"Ask {long}")], privacy={"allow": (allow,)}).counts["P001"] == 2


def test_a_sample_is_stated_and_the_same_for_any_cut(report: Report) -> None:
    rows = [chat(f"Ask ann{n}@quokkas.org") for n in range(60)]
    made = report(rows, privacy={"sample": 0.3})
    found = made.counts["P001"]
    assert 0 < found < 60
    assert gaps(made)[f"{EVERYTHING} of all rows"] == f"{found} of 60 rows, a sample of 0.3"
    assert [one.message for one in made.findings if one.rule == "P043"] == [
        f"{found} of 60 rows were scanned for personal data"
    ]
    lines = {one.line for one in made.findings if one.rule == "P001"}
    moved = {one.line for one in report(rows[10:], privacy={"sample": 0.3}).findings if one.rule == "P001"}
    assert moved == {line - 10 for line in lines if line and line > 10}


def test_lines_that_are_no_rows_are_said(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(chat("Hi?")) + "\n{ada@quokkas.org\n\n[1]\n")
    request = LintRequest(
        inputs=[LintInput(path, "-")], target="openai", tokens="off", privacy=PrivacyRequest(mode="patterns")
    )
    assert gaps(lint(request, rules=rule_files()))[f"{EVERYTHING} of lines that are no row"].startswith("2 line(s)")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_file_that_is_not_utf8_is_said_not_to_be_scanned(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(chat("ada@quokkas.org")) + "\n", encoding=encoding)
    request = LintRequest(
        inputs=[LintInput(path, "-")], target="openai", tokens="off", privacy=PrivacyRequest(mode="patterns")
    )
    made = lint(request, rules=rule_files())
    assert gaps(made)[f"{EVERYTHING} of files that are not UTF-8"] == "1 file(s) (F006)"
    assert made.counts["F006"] == 1


def test_values_that_escapes_hide_have_the_mark_of_the_value(report: Report) -> None:
    fenced = '```json\n{"to": "ada\\u0040quokkas.org"}\n```'
    audio = {"type": "input_audio", "input_audio": {"data": "QUJD4155550200", "format": "wav"}}
    rows = [chat("Ask ada@quokkas.org"), chat(fenced), chat(fenced[:-5])]
    rows[0]["messages"].insert(1, {"role": "user", "content": [audio]})
    found = [one.personal for one in report(rows, select=["P"]).findings]
    assert [(one.entity, one.start, one.end) for one in found if one] == [
        ("EMAIL_ADDRESS", 4, 19), ("EMAIL_ADDRESS", 16, 36), ("EMAIL_ADDRESS", 16, 36),
    ]  # fmt: skip
    assert len({one.value for one in found if one}) == 1


def test_what_is_never_read_is_said(report: Report) -> None:
    said = gaps(report([chat("Hi?")]))
    assert any(what.startswith("roles, types, ids") and "sound" in what for what in said)
    assert "values that are split over two texts" in said


def test_the_report_is_the_same_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "STRETCH_BYTES", 2_000)
    who = {n: f"ann{n}" for n in range(0, 120, 5)} | dict.fromkeys(range(0, 120, 7), "ada")
    rows = [chat(f"Ask {who[n]}@quokkas.org {n}" if n in who else f"Row {n}?") for n in range(120)]
    rows[3]["id"] = "bob@quokkas.org"
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = []
    for processes in (1, 2, 3):
        request = LintRequest(
            inputs=[LintInput(path, "data.jsonl"), LintInput(path, "held.jsonl", "validation")], target="azure-openai",
            tokens="off", workers=processes, max_findings=5,
            privacy=PrivacyRequest(mode="patterns", allow=(Allow(values=("ann5@quokkas.org",)),)),
        )  # fmt: skip
        made.append(msgspec.json.encode(lint(request, rules=rule_files())))
    assert made[0] == made[1] == made[2]
    counts = msgspec.json.decode(made[0], type=LintReport).counts
    assert (counts["P001"], counts["P041"], counts["P042"]) == (2 * 38, 1, 1)


def test_the_key_is_the_users_alone_and_made_once(report: Report, home: Path) -> None:
    report([chat("Ask ada@quokkas.org")])
    key = home / "value.key"
    before = key.read_bytes()
    assert (len(before), stat.S_IMODE(key.stat().st_mode)) == (32, 0o600)
    report([chat("Ask ada@quokkas.org")])
    assert key.read_bytes() == before


def test_without_a_place_for_the_key_every_run_has_its_own(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "file" / "home"))
    first, second = (report([chat("Ask ada@quokkas.org")]) for _ in range(2))
    assert first.findings != second.findings
    assert (first.id, first.counts) == (second.id, second.counts)
