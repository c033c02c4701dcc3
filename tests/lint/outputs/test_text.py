"""The report at the desk."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from service.lint.outputs.text import WIDTH, text
from service.records.lint_report import Bin, Finding, LintReport, Statistics

Build = Callable[..., LintReport]


def finding(rule: str, severity: str, line: int = 1, path: str = "data.jsonl") -> Finding:
    return msgspec.convert(
        {"rule": rule, "severity": severity, "path": path, "line": line, "byte_offset": 0, "pointer": "/messages/2",
         "message": "something"}, Finding,
    )  # fmt: skip


def test_the_worst_rule_comes_first_and_the_verdict_last(build: Build) -> None:
    found = [finding("X004", "info"), finding("Q001", "warning"), finding("R012", "error"), finding("R030", "error")]
    lines = text(build(*found, finding("R030", "error", 2))).splitlines()
    heads = [line.split()[1] for line in lines if line.split(" ")[0] in {"error", "warning", "info"}]
    assert heads == ["R030", "R012", "Q001", "X004"]
    assert lines[-2] == "fail: 10 rows for local, 3 errors, 1 warning, 1 info"
    assert lines[-1] == "tunegate explain R030 says what R030 means and how to mend it."


def test_a_rule_is_named_once_with_its_title_and_count(build: Build) -> None:
    lines = text(build(*(finding("R030", "error", n) for n in (1, 2, 3)), more=17)).splitlines()
    assert lines[:5] == [
        "error R030 Weight is not 0 or 1  x20",
        "  data.jsonl:1 /messages/2: something",
        "  data.jsonl:2 /messages/2: something",
        "  data.jsonl:3 /messages/2: something",
        "  ... and 17 more R030",
    ]


def test_no_line_is_wider_than_a_page(flawed: LintReport) -> None:
    assert max(map(len, text(flawed).splitlines())) <= WIDTH


def test_long_messages_are_folded_and_places_are_not(build: Build) -> None:
    path = "a/" * 60 + "data.jsonl"
    one = Finding("R030", "error", path, 7, 0, None, "word " * 60)
    lines = text(build(one, paths=(path,))).splitlines()
    assert f"  {path}:7:" in lines
    assert all(len(line) <= WIDTH for line in lines if path not in line)


@pytest.mark.parametrize(("valid", "filled"), [(0, 0), (5, 20), (9_999, 39), (10_000, 40)])
def test_the_bar_is_full_only_when_every_row_is_clean(build: Build, valid: int, filled: int) -> None:
    rows = 10 if valid < 10 else 10_000
    (bar,) = [line for line in text(build(statistics=Statistics(rows=rows, valid=valid))).splitlines() if "[" in line]
    assert bar.startswith(f"[{'#' * filled}{'-' * (40 - filled)}] ")


def test_lengths_are_a_table_with_proportional_stripes(build: Build) -> None:
    bins = [Bin(16, 31, 1), Bin(32, 63, 0), Bin(64, 127, 1000)]
    shown = text(build(statistics=Statistics(rows=1001, valid=1001, lengths=bins))).splitlines()
    table = shown[shown.index(next(line for line in shown if "tokens a row" in line)) :]
    assert [line.split() for line in table[:4]] == [
        ["tokens", "a", "row,", "estimated", "rows"],
        ["16", "to", "31", "1", "#"],
        ["32", "to", "63", "0"],
        ["64", "to", "127", "1,000", "#" * 40],
    ]


def test_several_files_are_listed_with_their_roles(build: Build) -> None:
    assert "1.2 kB  b.jsonl (train)" in text(build(paths=("a.jsonl", "b.jsonl")))
    assert "(train)" not in text(build())


def test_colour_is_only_there_when_asked_for(flawed: LintReport) -> None:
    assert "\x1b" not in text(flawed)
    assert "\x1b[31m" in text(flawed, colour=True)
