"""Values planted in every place of a row: each is found where it stands, and none is told to anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from planted_row import CARD, IBAN, IN_ARGUMENTS, PLACES, VALUES, leaks, mail, row

from service.records.lint_report import LintReport, PersonalPlace
from service.verbs.linting.output import RENDERERS, render

Report = Callable[..., LintReport]
BESIDE = {"messages": [{"role": "user", "content": f"Pay {CARD}"}, {"role": "assistant", "content": f"To {IBAN}."}]}


def personal(report: LintReport) -> list[tuple[str, PersonalPlace]]:
    return [(str(one.pointer), one.personal) for one in report.findings if isinstance(one.personal, PersonalPlace)]


def test_every_value_is_found_where_it_stands(report: Report) -> None:
    found = personal(report([row()]))
    expected = [place for place in PLACES for _ in (IN_ARGUMENTS if place.endswith("/arguments") else (0,))]
    assert sorted(place for place, one in found if one.entity == "EMAIL_ADDRESS") == sorted(expected)
    # one hash for each value
    assert len({one.value for _, one in found}) == len(VALUES)


def test_a_span_is_of_the_decoded_text(report: Report) -> None:
    spans = {place: (one.start, one.end) for place, one in personal(report([row()]))}
    assert spans["/messages/0/content"] == (8, 8 + len(mail(1)))
    assert spans["/messages/3/content"] == (0, len(mail(10)))


def test_equal_values_have_equal_hashes_and_runs_on_one_machine_agree(report: Report) -> None:
    rows = [row(), row()]
    first, second = report(rows), report(rows)
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
    by_line = [[one.value for one in found] for found in _by_line(first)]
    assert by_line[0] == by_line[1]


def _by_line(report: LintReport) -> list[list[PersonalPlace]]:
    lines: dict[int, list[PersonalPlace]] = {}
    for one in report.findings:
        if isinstance(one.personal, PersonalPlace):
            lines.setdefault(one.line or 0, []).append(one.personal)
    return [lines[line] for line in sorted(lines)]


@pytest.mark.parametrize("format_", ["json", *RENDERERS])
def test_no_output_tells_a_value(report: Report, format_: str) -> None:
    made = report([row(), BESIDE])
    assert made.counts["P001"] == len(VALUES)
    assert {"P003", "P004"} <= made.counts.keys()
    shown = msgspec.json.encode(made).decode() if format_ == "json" else render(made, format_)
    assert leaks(shown) == []


def test_the_command_tells_no_value_and_keeps_none(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row()) + "\n" + json.dumps(BESIDE) + "\n{not json\n")
    command = [sys.executable, "-X", "dev", "-m", "service", "lint", str(path), "--target", "openai", "--privacy"]
    environment = os.environ | {"TUNEGATE_HOME": str(home), "PYTHONWARNINGS": "default"}
    done = subprocess.run([*command, "patterns"], capture_output=True, env=environment, check=False, timeout=300)
    assert done.returncode == 1, done.stderr
    assert b"P001" in done.stdout
    assert leaks(done.stdout) == leaks(done.stderr) == []
    kept = [one for one in home.rglob("*") if one.is_file()]
    assert any(one.name == "value.key" for one in kept)
    assert [one.name for one in kept if leaks(one.read_bytes())] == []
