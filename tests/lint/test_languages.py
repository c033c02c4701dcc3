"""Languages of a sample: written sentences are told apart, and every cut of the data gives the same sample."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import rule_files
from service.lint import languages, workers
from service.lint.languages import LanguageSample, Said
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
SENTENCES = {
    "en": (
        "Where can I find the opening hours of the library this week?",
        "You can find them at the entrance and on our website every day.",
        "Could you tell me how I renew the books that I have borrowed?",
    ),
    "de": (
        "Wo finde ich die \u00d6ffnungszeiten der B\u00fccherei in dieser Woche?",
        "Sie finden sie am Eingang und jeden Tag auf unserer Webseite.",
        "K\u00f6nnen Sie mir sagen, wie ich die ausgeliehenen B\u00fccher verl\u00e4ngere?",
    ),
    "fr": (
        "O\u00f9 puis-je trouver les heures d'ouverture de la biblioth\u00e8que cette semaine ?",
        "Vous pouvez les trouver \u00e0 l'entr\u00e9e et chaque jour sur notre site internet.",
        "Pouvez-vous me dire comment prolonger les livres que j'ai emprunt\u00e9s ?",
    ),
    "es": (
        "\u00bfD\u00f3nde puedo encontrar el horario de la biblioteca de esta semana?",
        "Puede encontrarlo en la entrada y todos los d\u00edas en nuestra p\u00e1gina web.",
        "\u00bfMe puede decir c\u00f3mo renuevo los libros que he tomado prestados?",
    ),
}


def row(asked: str, answered: str) -> bytes:
    said = (("user", asked), ("assistant", answered))
    return msgspec.json.encode({"messages": [{"role": role, "content": text} for role, text in said]})


def report_on(path: Path, rows: list[bytes], *, workers: int = 1) -> LintReport:
    path.write_bytes(b"\n".join(rows) + b"\n")
    request = LintRequest(inputs=[LintInput(path, "data.jsonl")], target="local", workers=workers, languages=True)
    return lint(request, rules=RULES)


def counted(report: LintReport) -> dict[str, int]:
    assert report.statistics is not None
    return report.statistics.languages


def test_rows_are_counted_by_the_language_they_are_in(tmp_path: Path) -> None:
    rows = [row(*pair) for one, two, three in SENTENCES.values() for pair in ((one, two), (three, two))]
    report = report_on(tmp_path / "data.jsonl", [*rows, row("Hi?", "Yes.")])
    assert counted(report) == dict.fromkeys(SENTENCES, 2)
    (mix,) = [one for one in report.findings if one.rule == "Q030"]
    assert (mix.severity, mix.line) == ("info", None)
    assert mix.message == "several languages in 8 sampled rows: de 2, en 2, es 2, fr 2"
    # the row of a few characters is not guessed
    assert [one.why for one in report.not_scanned if "languages" in one.what] == ["8 of 9 rows were looked at"]


def test_answers_in_another_language_are_told_with_the_first_row(tmp_path: Path) -> None:
    (asked, answered, again), (_, answered_de, _) = SENTENCES["en"], SENTENCES["de"]
    rows = [row(asked, answered), row(asked, answered_de), row(again, answered_de), row(again, answered)]
    report = report_on(tmp_path / "data.jsonl", rows)
    (told,) = [one for one in report.findings if one.rule == "Q030" and one.severity == "warning"]
    assert told.line == 2
    assert told.message.startswith("2 of 4 sampled rows answer in another language")


def test_what_a_tool_says_has_no_language(tmp_path: Path) -> None:
    (asked, answered, again), (told, told_too, _) = SENTENCES["en"], SENTENCES["de"]
    call = {"id": "a", "type": "function", "function": {"name": "hours", "arguments": "{}"}}
    rows = [
        msgspec.json.encode({"messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": f"{told} {told_too} " * 3},
            {"role": "assistant", "content": answered},
        ]})
        for question in (asked, again)
    ]  # fmt: skip
    report = report_on(tmp_path / "data.jsonl", rows)
    assert counted(report) == {"en": 2}
    assert "Q030" not in report.counts


def test_one_language_is_no_finding(tmp_path: Path) -> None:
    asked, answered, again = SENTENCES["fr"]
    report = report_on(tmp_path / "data.jsonl", [row(asked, answered), row(again, answered)])
    assert counted(report) == {"fr": 2}
    assert "Q030" not in report.counts
    assert "Q030" in report.rules_run


def test_the_sample_does_not_depend_on_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"{asked} {number}", answered) for number in range(40) for asked, answered, _ in SENTENCES.values()]
    monkeypatch.setattr(languages, "SAMPLE", 30)
    want = report_on(tmp_path / "data.jsonl", rows)
    monkeypatch.setattr(workers, "STRETCH_BYTES", 5_000)
    assert report_on(tmp_path / "data.jsonl", rows, workers=2) == want
    assert sum(counted(want).values()) == 30
    turned = report_on(tmp_path / "turned.jsonl", rows[::-1])
    assert counted(turned) == counted(want)


@given(st.lists(st.integers(0, 50), max_size=40), st.data())
def test_any_cut_gives_the_same_sample(keys: list[int], data: st.DataObject) -> None:
    asked, answered, _ = SENTENCES["en"]
    cut = data.draw(st.integers(0, len(keys)))
    rows = [Said(line, key, asked, answered) for line, key in enumerate(keys)]
    whole, first, second = LanguageSample(most=5), LanguageSample(most=5), LanguageSample(most=5)
    whole.add(rows)
    first.add(rows[:cut])
    second.add(one._replace(line=one.line - cut) for one in rows[cut:])
    first.merge(second, cut)
    assert first.rows == whole.rows
    assert sorted(whole.rows) == sorted(set(keys))[:5]
    assert all(one.line == keys.index(key) for key, one in whole.rows.items())


def test_without_the_option_nothing_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(row(*SENTENCES["en"][:2]) + b"\n")
    request = LintRequest(inputs=[LintInput(path, "data.jsonl")], target="local")
    off, on = (lint(msgspec.structs.replace(request, languages=one), rules=RULES) for one in (False, True))
    assert counted(off) == {}
    assert "Q030" not in off.rules_run
    assert off.id != on.id
