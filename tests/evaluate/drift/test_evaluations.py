"""tunegate drift on evaluations over time: scores that fell and answers that changed, paired where rows are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scripted_endpoint import Endpoint, Said, chat

from service.cli.app import run
from service.records.drift import DriftReport

MARKER = "quokka"
ROWS = 120


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows by one endpoint that is right in 100 %, then asked again, then in 70 %, then in other words."""
    place = tmp_path_factory.mktemp("evaluated")
    rows = [chat(f"{MARKER} asks {n}", f"{MARKER} answers {n}") for n in range(ROWS)]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:4]))
    now: list[Any] = [ROWS, ""]

    def answer(body: dict[str, Any], number: int) -> Said:
        n = int(body["messages"][-1]["content"].split()[-1])
        return Said(text=f"{now[1]}{MARKER} answers {n if n < now[0] else 'nothing'}")

    with Endpoint(answer) as endpoint:
        for name, right, worded, data in (
            ("first", ROWS, "", "rows"), ("again", ROWS, "", "rows"), ("fell", 84, "", "rows"),
            ("worded", ROWS, "Well, ", "rows"), ("few", ROWS, "", "few"),
        ):  # fmt: skip
            now[:] = [right, worded]
            arguments = ["--model", f"m@{endpoint.url}", "-o", str(place / name), "--goal", "exact_match>=60%"]
            code = run(["evaluate", str(place / f"{data}.jsonl"), *arguments, "--output", str(place / "out.txt")])
            assert code in {0, 1}
    return place


def report(*arguments: str) -> tuple[int, DriftReport]:
    code = run(["drift", *arguments, "--format", "json", "--output", "drift.json"])
    return code, msgspec.json.decode(Path("drift.json").read_bytes(), type=DriftReport)


def test_the_same_answers_are_no_drift(evaluated: Path) -> None:
    code, found = report(str(evaluated / "first"), str(evaluated / "again"))
    # 120 rows that agree bound a fall by more than two points
    assert (code, found.verdict, found.kind, found.findings) == (1, "undecided", "evaluations", [])
    assert all(one.paired and one.rows_current == ROWS for one in found.compared)
    assert report(str(evaluated / "first"), str(evaluated / "again"), "--threshold=DRF-100=0.1")[1].verdict == "stable"
    assert found.rests_on == [found.baseline.evaluation, found.current.evaluation]


def test_scores_that_fell_are_llm_drift(evaluated: Path) -> None:
    code, found = report(str(evaluated / "first"), str(evaluated / "fell"))
    fallen = next(one for one in found.compared if one.feature == "exact_match")
    assert (code, found.verdict, fallen.verdict, fallen.paired) == (1, "drifted", "drifted", True)
    assert fallen.effect is not None
    assert fallen.effect.low < 0.3 < fallen.effect.high
    assert fallen.effect.value == pytest.approx(0.3)
    assert {"DRF-100", "DRF-101"} <= {one.rule for one in found.findings}
    # a score that rises is no drift
    _, risen = report(str(evaluated / "fell"), str(evaluated / "first"))
    assert "DRF-100" not in {one.rule for one in risen.findings}


def test_other_words_for_the_same_prompts_are_prompt_drift(evaluated: Path) -> None:
    _, found = report(str(evaluated / "first"), str(evaluated / "worded"))
    changed = next(one for one in found.compared if one.rule == "DRF-101")
    assert changed.effect is not None
    assert (changed.effect.value, changed.verdict) == (1.0, "drifted")


def test_records_alone_are_compared_as_two_samples(evaluated: Path, tmp_path: Path) -> None:
    for name in ("first", "fell"):
        (tmp_path / f"{name}.json").write_bytes((evaluated / name / "evaluation.json").read_bytes())
    code, found = report("first.json", "fell.json")
    (fallen,) = [one for one in found.compared if one.feature == "exact_match"]
    assert (code, fallen.verdict, fallen.paired) == (1, "drifted", False)
    assert any("folders" in one.why for one in found.not_compared)


def test_few_rows_decide_nothing(evaluated: Path) -> None:
    code, found = report(str(evaluated / "few"), str(evaluated / "few"))
    assert (code, found.verdict) == (1, "undecided")


def test_no_text_of_an_answer_is_told(evaluated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for format_ in ("text", "json", "html", "markdown"):
        assert run(["drift", str(evaluated / "first"), str(evaluated / "fell"), "--format", format_]) == 1
    assert MARKER not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--measure", "bleurt"], "bleurt"),
        (["--target", "openai"], "--target"),
        (["--threshold", "DRF-100=0"], "always"),
    ],
)
def test_options_that_do_not_fit_are_said(
    evaluated: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drift", str(evaluated / "first"), str(evaluated / "fell"), *more]) == 2
    assert said in capsys.readouterr().err
