"""Parquet says the same as its JSONL twin: by path, as a stream or packed, without the nulls that its schema adds."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from service.data import rule_files
from service.errors import TuneGateError
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
TOOL = {"type": "function", "function": {"name": "opening_hours", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "opening_hours", "arguments": "{}"}}


def row(n: int, **last: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Question {n}?"},
            {"role": "assistant", "content": f"Answer {n}."} | last,
        ]
    }


def with_call(n: int) -> dict[str, Any]:
    messages = [
        {"role": "user", "content": f"When are you open on day {n}?"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "9 to 5"},
        {"role": "assistant", "content": "From 9 to 5."},
    ]
    return {"messages": messages, "tools": [TOOL]}


CLEAN = [*map(row, range(40)), *map(with_call, range(20))]
WRONG = [
    *map(row, range(2_500)),
    with_call(1), row(3), row(3, weight=2), row(4, role="bot"), row(5, content=""), row(6, name="no name!"),
    {"messages": [], "note": "x"}, {"messages": [{"role": "user", "content": "Alone?"}]},
]  # fmt: skip


def files(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[Path, Path]:
    """The rows as JSONL and as Parquet."""
    lines, table = tmp_path / "data.jsonl", tmp_path / "data.parquet"
    lines.write_text("".join(json.dumps(one) + "\n" for one in rows))
    columns = {key: [one.get(key) for one in rows] for key in dict.fromkeys(key for one in rows for key in one)}
    parquet.write_table(pa.table(columns), table)
    return lines, table


def run(path: Path | None, name: str, *, stdin: bytes | None = None, workers: int = 1) -> LintReport:
    request = LintRequest(inputs=[LintInput(path, name)], target="openai", tokens="off", workers=workers, parquet=True)
    return lint(request, rules=RULES, stdin=None if stdin is None else io.BytesIO(stdin))


def told(report: LintReport) -> tuple[Any, ...]:
    """All that does not depend on how the file is written."""
    findings = [msgspec.structs.replace(one, byte_offset=None) for one in report.findings]
    return (report.counts, findings, report.statistics, report.facts, report.verdict, report.files[0].rows)


@pytest.mark.parametrize("rows", [CLEAN, WRONG], ids=["clean", "wrong"])
def test_it_says_what_its_twin_says(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    lines, table = files(tmp_path, rows)
    as_lines, as_table = run(lines, "data.jsonl"), run(table, "data.jsonl", workers=2)
    assert told(as_lines) == told(as_table)
    assert bool(as_lines.summary.errors) == (rows is WRONG)
    assert {one.byte_offset for one in as_table.findings} <= {None}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_stream_says_what_the_file_says(tmp_path: Path, pack: Any) -> None:
    _, table = files(tmp_path, WRONG)
    raw = table.read_bytes()
    streamed = run(None, "-", stdin=pack(raw))
    (seen,) = streamed.files
    assert (seen.sha256, seen.bytes) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert run(table, "-") == streamed


def test_the_name_is_told_where_a_service_wants_jsonl(tmp_path: Path) -> None:
    _, table = files(tmp_path, CLEAN)
    assert run(table, "data.parquet").counts.keys() - run(table, "data.jsonl").counts.keys() == {"F007"}


def test_values_that_json_has_not_are_read(tmp_path: Path) -> None:
    rows = {"messages": [row(n)["messages"] for n in range(10)], "note": pa.array([b"\xff"] * 10)}
    parquet.write_table(pa.table(rows), tmp_path / "data.parquet")
    assert run(tmp_path / "data.parquet", "data.jsonl").counts["F022"] == 10


@pytest.mark.parametrize("raw", [b"PAR1", b"PAR1 and no more", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_damaged_file_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "data.parquet").write_bytes(raw)
    with pytest.raises(TuneGateError, match=r"data\.parquet: damaged, or no Parquet"):
        run(tmp_path / "data.parquet", "data.parquet")


def test_text_that_is_no_text_is_damage(tmp_path: Path) -> None:
    column = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    parquet.write_table(pa.table({"text": column}), tmp_path / "data.parquet")
    with pytest.raises(TuneGateError, match="damaged"):
        run(tmp_path / "data.parquet", "data.parquet")


def test_without_its_library_it_says_what_to_install(tmp_path: Path) -> None:
    files(tmp_path, CLEAN)
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from service.cli.app import run\n"
        "sys.exit(run(['lint', 'data.parquet', '--target', 'openai']))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'tunegate[parquet]'" in done.stderr


@pytest.mark.parametrize("streamed", [False, True])
def test_it_is_refused_where_it_is_not_taken(tmp_path: Path, streamed: bool) -> None:
    _, table = files(tmp_path, CLEAN)
    request = LintRequest(inputs=[LintInput(None if streamed else table, "data.parquet")], target="openai")
    with pytest.raises(TuneGateError, match=r"data\.parquet: Parquet is not taken here") as raised:
        lint(request, rules=RULES, stdin=io.BytesIO(table.read_bytes()))
    assert "tunegate convert" in str(raised.value.remedy)
