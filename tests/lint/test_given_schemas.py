"""Schemas that a user gives: held against every row by any number of processes, and part of the report's id."""

from __future__ import annotations

import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from lint_rows import ROWS, planted

from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.lint import workers
from service.lint.catalogue import all_checks
from service.lint.chosen import chosen_checks
from service.lint.fixes.copy import Copier
from service.lint.fixes.reading import unpacked_lines
from service.lint.keys import canonical
from service.lint.profile import load_profile
from service.lint.schemas_given import GivenSchemas, given_schemas
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
ROW_SCHEMA = {"properties": {"messages": {"minItems": 3}}}
ANSWER_SCHEMA = {"type": "object", "required": ["id"]}
PLAIN = {"role": "system", "content": "Be brief."}


def chat(number: int, answer: str, *first: dict[str, str]) -> dict[str, Any]:
    turn = [{"role": "user", "content": f"Number {number}?"}, {"role": "assistant", "content": answer}]
    return {"messages": [*first, *turn]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows of the plainest kind: every third is too short, every fourth has no answer as the schema wants it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEGATE_TARGET", "local")
    rows = [chat(n, '{"id": 1}' if n % 4 else '{"no": 1}', *[PLAIN] * (n % 3 > 0)) for n in range(24)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "row.json").write_text(json.dumps(ROW_SCHEMA))
    (tmp_path / "answer.json").write_text(json.dumps({"json_schema": {"name": "x", "schema": ANSWER_SCHEMA}}))
    return tmp_path


def report(**options: Any) -> LintReport:
    request = LintRequest(inputs=[LintInput(Path("data.jsonl"), "data.jsonl")], target="local", **options)
    return lint(request, rules=RULES)


def test_rows_that_are_plainly_clean_meet_the_schemas_too() -> None:
    assert not {"F040", "F041"} & {*report().counts, *report().rules_run}
    found = report(row_schema=Path("row.json"), answer_schema=Path("answer.json"))
    assert (found.counts["F040"], found.counts["F041"], found.verdict) == (8, 6, "fail")
    assert [one.line for one in found.findings if one.rule == "F041"] == [1, 5, 9, 13, 17, 21]
    one = report(answer_schema=Path("answer.json"))
    assert "F040" not in {*one.counts, *one.rules_run}
    assert one.counts["F041"] == 6


def test_all_else_in_the_report_is_as_without_a_schema() -> None:
    Path("row.json").write_text("{}")
    bare, held = report(), report(row_schema=Path("row.json"))
    assert (held.counts, held.findings, held.statistics, held.facts) == (
        bare.counts, bare.findings, bare.statistics, bare.facts,
    )  # fmt: skip


def test_any_number_of_processes_gives_the_same_report(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"row_schema": Path("row.json"), "answer_schema": Path("answer.json"), "max_findings": 3}
    want = msgspec.json.encode(report(**options))
    monkeypatch.setattr(workers, "STRETCH_BYTES", 300)
    for processes in (2, 3):
        assert msgspec.json.encode(report(**options, workers=processes)) == want


def test_schemas_go_to_other_processes_as_they_are() -> None:
    given = given_schemas(Path("row.json"), None)
    assert pickle.loads(pickle.dumps(given)) == given


def test_the_id_of_a_report_depends_on_the_schemas() -> None:
    ids = {report().id, report(row_schema=Path("row.json")).id, report(answer_schema=Path("row.json")).id}
    Path("row.json").write_text("{}")
    assert len(ids | {report(row_schema=Path("row.json")).id}) == 4


def test_select_and_ignore_choose_among_them(capsys: pytest.CaptureFixture[str]) -> None:
    both = ["lint", "data.jsonl", "--row-schema", "row.json", "--answer-schema", "answer.json", "--format", "json"]
    for more, wanted in ((["--select", "F04"], {"F040", "F041"}), (["--select", "F04", "--ignore", "F041"], {"F040"})):
        assert run([*both, *more]) == 1
        assert set(json.loads(capsys.readouterr().out)["counts"]) == wanted
    assert run([*both, "--select", "F04", "--ignore", "F040,F041"]) == 0


def test_a_project_may_configure_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "tunegate.toml").write_text('row-schema = "row.json"\n')
    (here / "below").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here / "below")
        assert run(["lint", "../data.jsonl", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["F040"] == 8


def test_the_copy_of_a_fix_is_held_against_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["lint", "data.jsonl", "--row-schema", "row.json", "--fix", "-o", "out.jsonl", "--format", "json"]
    assert run(arguments) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["F040"] == 8
    assert (here / "out.jsonl").read_bytes() == (here / "data.jsonl").read_bytes()


# (what the schema wants, the row that keeps it and has a finding, the rule whose fix would break it)
KEPT: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a type": ({"weight": {"type": "boolean"}}, {"weight": True}, "R030"),
    "a spelling of roles": ({"role": {"enum": ["User", "Assistant"]}}, {}, "R006"),
    "an old role": ({"role": {"enum": ["human", "gpt"]}}, {}, "R005"),
    "a key of its own": ({"mood": {"const": "glad"}}, {"mood": "glad"}, "R025"),
}


@pytest.mark.parametrize("name", KEPT)
def test_no_fix_makes_a_row_break_its_schema(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted, more, rule = KEPT[name]
    roles = wanted.get("role", {}).get("enum", ["user", "assistant"])
    required = sorted({"role", *more})
    items = {"properties": wanted, "required": required}
    (here / "row.json").write_text(json.dumps({"properties": {"messages": {"items": items}}}))
    row = {"messages": [{"role": role, "content": "Hi."} | more for role in roles], "note": 1}
    (here / "data.jsonl").write_text(json.dumps(row) + "\n")
    fixed = ["lint", "data.jsonl", "--fix", "--unsafe-fixes", "--format", "json"]
    run([*fixed, "-o", "free.jsonl"])
    assert rule in (here / "free.jsonl.changes.jsonl").read_text()
    capsys.readouterr()
    run([*fixed, "-o", "kept.jsonl", "--row-schema", "row.json"])
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert rule in counts
    assert "F040" not in counts
    (copy,) = map(json.loads, (here / "kept.jsonl").read_text().splitlines())
    assert copy == {"messages": row["messages"]}, "the fix that breaks nothing is made, whichever rule is chosen"


@given(
    row=st.builds(planted, st.sampled_from(ROWS), st.integers(0, 99), st.integers(0, 99), st.integers(0, 2)),
    target=st.sampled_from(["local", "openai", "kaito"]),
    method=st.sampled_from(["sft", "dpo", "rft"]),
)
@settings(max_examples=150)
def test_a_schema_that_takes_one_row_alone_keeps_it_as_it_is(row: Any, target: str, method: str) -> None:
    schema = {"const": row}
    # fixes compare integers of more digits as floats
    assume(not re.search(r"\d{19}", json.dumps(row)))
    every = {check.code for check in all_checks()}
    checks = chosen_checks(
        load_profile(target, RULES), every, method=method, model="", most=20, schemas=GivenSchemas(canonical(schema))
    )
    stream = unpacked_lines(io.BytesIO(json.dumps(row).encode() + b"\n"), "-")
    copy = b"".join(Copier(checks, named=set(), unsafe=True).blocks(stream, "train", lambda change: None))
    # a row may be left out as a whole
    assert not copy or Draft202012Validator(schema).is_valid(json.loads(copy))


def test_no_fix_makes_an_answer_break_its_schema(here: Path) -> None:
    (here / "answer.json").write_text(json.dumps({"properties": {"text": {"pattern": "<b>"}}}))
    (here / "data.jsonl").write_text(json.dumps(chat(1, '{"text": "<b>bold</b> and more of it"}')) + "\n")
    fixed = ["lint", "data.jsonl", "--fix", "--unsafe-fixes"]
    run([*fixed, "-o", "free.jsonl"])
    assert "<b>" not in (here / "free.jsonl").read_text()
    # also where the rule of the schema is none of those that were asked for
    for name, more in (("kept.jsonl", []), ("chosen.jsonl", ["--select", "Q025"])):
        run([*fixed, "-o", name, "--answer-schema", "answer.json", *more])
        assert (here / name).read_bytes() == (here / "data.jsonl").read_bytes()


def test_what_is_wrong_with_both_files_is_told_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "row.json").write_text('{"type": "objec", "minimum": "x"}')
    (here / "answer.json").write_text("[]")
    arguments = ["lint", "data.jsonl", "--row-schema", "row.json", "--answer-schema", "answer.json"]
    assert run([*arguments, "--fix", "-o", "out.jsonl"]) == 2
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    for said in ("row.json#/type", "row.json#/minimum", "answer.json: a JSON Schema is an object"):
        assert said in printed.err
    assert not (here / "out.jsonl").exists()


def test_one_missing_file_and_two_have_the_same_code() -> None:
    for answer in (None, Path("none.json")):
        with pytest.raises(TuneGateError) as raised:
            given_schemas(Path("missing.json"), answer)
        assert raised.value.code == "unreadable_path"
