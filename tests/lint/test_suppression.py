"""Rows that take findings back themselves: only theirs, only those, always counted, and never in training data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.lint.suppression import KEY
from service.records.lint_report import LintReport
from service.verbs.fix import FixRequest, fix
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.output import render
from trainers.contract import DatasetRef
from trainers.load import load_rows

RULES = rule_files()
IGNORE = {"ignore": ["R030"]}


def row(n: int, weight: Any = None, **beside: Any) -> dict[str, Any]:
    answer = {"role": "assistant", "content": f"Answer {n}."} | ({} if weight is None else {"weight": weight})
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Question {n}?"}, answer]
    return {"messages": messages} | beside


def request(tmp_path: Path, rows: list[Any], *, workers: int = 1) -> LintRequest:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return LintRequest(
        inputs=[LintInput(path, path.name)], target="openai", workers=workers, tokens="off", select=["F", "R", "Q"]
    )


def report(tmp_path: Path, rows: list[Any], *, workers: int = 1) -> LintReport:
    return lint(request(tmp_path, rows, workers=workers), rules=RULES)


@pytest.mark.parametrize("value", [IGNORE, ["R030"], ["R0"], ["Q0", "R"], {"ignore": ["R030", "R030"]}])
def test_a_row_takes_back_its_findings_and_is_valid(tmp_path: Path, value: Any) -> None:
    found = report(tmp_path, [row(0, 2, **{KEY: value}), row(1)])
    assert (found.counts, found.suppressed, found.verdict) == ({}, {"R030": 1}, "pass")
    assert found.statistics is not None
    assert found.statistics.valid == 2


def test_other_rows_and_other_rules_are_still_found(tmp_path: Path) -> None:
    rows = [row(0, 2, **{KEY: IGNORE}, note=1), row(1, 2)]
    found = report(tmp_path, rows)
    assert (found.counts, found.suppressed) == ({"F022": 1, "R030": 1}, {"R030": 1})
    assert [(one.rule, one.line) for one in found.findings] == [("F022", 1), ("R030", 2)]
    assert found.statistics is not None
    assert found.statistics.valid == 1


@pytest.mark.parametrize("value", [IGNORE, [], {"ignore": []}])
def test_the_key_itself_is_no_finding(tmp_path: Path, value: Any) -> None:
    found = report(tmp_path, [row(0, **{KEY: value})])
    assert (found.counts, found.suppressed) == ({}, {})


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        ("R030", "", "string; allowed is"),
        (None, "", "null; allowed is"),
        ({"ignore": "R030"}, "/ignore", "string; allowed is"),
        ({}, "", "0 key(s)"),
        ({"ignore": ["R030"], "why": "meant"}, "", "2 key(s)"),
        (["R030", 7], "/1", "number; allowed is a rule id"),
        ({"ignore": ["R030", "R999"]}, "/ignore/1", "`R999` starts no id"),
        (["L001"], "/0", "`L001` starts no id of a rule on rows"),
        ([""], "/0", "0 characters"),
        (["my name is Ada"], "/0", "a string of 14 characters"),
    ],
)
def test_a_malformed_key_takes_nothing_back_and_says_why(tmp_path: Path, value: Any, pointer: str, says: str) -> None:
    found = report(tmp_path, [row(0, 2, **{KEY: value})])
    assert (found.counts, found.suppressed) == ({"F022": 1, "R030": 1}, {})
    (one,) = [one for one in found.findings if one.rule == "F022"]
    assert one.pointer == f"/{KEY}{pointer}"
    assert says in one.message
    assert "Ada" not in one.message


def test_findings_of_the_whole_set_are_not_a_rows_to_take_back(tmp_path: Path) -> None:
    found = report(tmp_path, [row(0, **{KEY: ["Q", "F", "R"]}), row(0, **{KEY: ["Q"]})])
    assert found.counts == {"Q001": 1}


def test_several_processes_count_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.lint.workers.STRETCH_BYTES", 1000)
    rows = [row(n, 2, **({KEY: IGNORE} if n % 3 else {})) for n in range(60)]
    one, two = (report(tmp_path, rows, workers=workers) for workers in (1, 2))
    assert one == two
    assert (one.counts["R030"], one.suppressed) == (20, {"R030": 40})


def test_a_fix_leaves_the_key(tmp_path: Path) -> None:
    asked = request(tmp_path, [row(0, 2, **{KEY: IGNORE}, note=1), row(1, **{KEY: "wrong"})])
    record = fix(FixRequest(lint=asked, out=tmp_path / "mended.jsonl"), rules=RULES)
    mended = [json.loads(line) for line in (tmp_path / "mended.jsonl").read_text().splitlines()]
    assert mended == [row(0, 2, **{KEY: IGNORE}), row(1, **{KEY: "wrong"})]
    assert record.changed == {"F022": 1}
    assert record.report.suppressed == {"R030": 1}


def test_the_trainers_read_the_row_as_if_the_key_were_not_there(tmp_path: Path) -> None:
    read = []
    for name, one in (("with", row(0, 1, **{KEY: IGNORE})), ("without", row(0, 1))):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(one) + "\n")
        read.append(load_rows(DatasetRef(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())))
    assert read[0] == read[1]


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_people_are_told(tmp_path: Path, format_: str) -> None:
    rows = [row(n, 2, **{KEY: IGNORE}) for n in range(3)]
    assert "3 findings suppressed by rows: R030 x 3" in render(report(tmp_path, rows), format_)
    assert "suppressed" not in render(report(tmp_path, [row(0)]), format_)
