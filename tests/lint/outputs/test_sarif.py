"""SARIF 2.1.0, held against the standard's schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from service.data import rule_files
from service.lint.outputs.sarif import sarif
from service.records.lint_report import Finding, LintReport
from service.verbs.lint import LintInput, LintRequest, lint

Build = Callable[..., LintReport]
SCHEMA = json.loads(Path(__file__).with_name("sarif-2.1.0-used.schema.json").read_text())
DESK = Path(__file__).resolve().parents[3] / "examples" / "library-desk"


def run(report: LintReport, **options: str) -> dict[str, Any]:
    log = json.loads(sarif(report, **options))
    jsonschema.Draft7Validator(SCHEMA).validate(log)
    (one,) = log["runs"]
    assert isinstance(one, dict)
    return one


def marks(report: LintReport) -> list[str]:
    return [mark for result in run(report)["results"] for mark in result["partialFingerprints"].values()]


def test_the_log_keeps_to_the_standard(flawed: LintReport, clean: LintReport) -> None:
    assert len(run(flawed)["results"]) == len(flawed.findings)
    assert run(clean)["properties"]["verdict"] == "pass"


def test_a_wrong_log_would_be_noticed(flawed: LintReport) -> None:
    log = json.loads(sarif(flawed))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] = {"startLine": 0}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(log)


def test_a_result_names_rule_file_line_and_offset(build: Build) -> None:
    one = run(
        build(Finding("R030", "error", "my data/ü#.jsonl", 3, 70, "/messages/2", "x"), paths=("my data/ü#.jsonl",))
    )
    (result,) = one["results"]
    (location,) = result["locations"]
    assert one["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "R030"
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "my%20data/%C3%BC%23.jsonl", "index": 0},
        "region": {"startLine": 3, "startColumn": 1, "endLine": 3, "byteOffset": 70},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "/messages/2", "kind": "member"}]
    assert one["artifacts"][0]["hashes"] == {"sha-256": "3" * 64}


def test_an_offset_into_unpacked_bytes_is_no_place_in_a_packed_file(build: Build) -> None:
    (result,) = run(build(Finding("R030", "error", "data.jsonl.gz", 3, 70, None, "x")))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 3,
        "startColumn": 1,
        "endLine": 3,
    }


def test_an_absolute_path_is_a_file_uri(build: Build) -> None:
    one = run(build(Finding("R030", "error", "/data/a b.jsonl", 1, 0, None, "x")))
    assert (
        one["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///data/a%20b.jsonl"
    )


def test_fingerprints_survive_moved_lines_and_tell_findings_apart(tmp_path: Path) -> None:
    rows = (DESK / "flawed.jsonl").read_text().splitlines(keepends=True)
    found = []
    for name, content in (("a.jsonl", rows), ("b.jsonl", [*rows[100:120], *rows])):
        (tmp_path / name).write_text("".join(content))
        request = LintRequest(inputs=[LintInput(tmp_path / name, name)], target="local", ignore=["Q001"])
        found.append(marks(lint(request, rules=rule_files())))
    assert sorted(found[0]) == sorted(found[1])
    assert len(set(found[0])) == len(found[0])


def test_rules_link_to_their_pages_only_where_there_are_some(flawed: LintReport) -> None:
    assert all("helpUri" not in rule for rule in run(flawed)["tool"]["driver"]["rules"])
    for rule in run(flawed, rule_pages="https://tunegate.example/v1/rules/ids")["tool"]["driver"]["rules"]:
        assert rule["helpUri"] == f"https://tunegate.example/v1/rules/ids/{rule['id']}"
        assert rule["help"]["markdown"].startswith(f"# {rule['id']} ")
        assert rule["fullDescription"]["text"] in rule["help"]["text"]


def test_what_was_not_looked_at_is_a_notification(build: Build) -> None:
    (invocation,) = run(build(Finding("R030", "error", "data.jsonl", 1, 0, None, "x"), more=7))["invocations"]
    said = [one["message"]["text"] for one in invocation["toolExecutionNotifications"]]
    assert said == [
        "Not scanned: near duplicates (they were not asked for).",
        "7 more findings of R030 are counted but not listed.",
    ]


def test_rules_that_ran_are_named_though_they_found_nothing(build: Build) -> None:
    rules = run(build(rules_run=["Q001", "R030"]))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["Q001", "R030"]
