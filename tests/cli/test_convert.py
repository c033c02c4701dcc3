"""tunegate convert on the command line: what goes where, exit codes, and that no text leaks."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from service.cli.app import run

MARKER = "quokka"
SHEET = f"Question;Answer;Ticket\r\nWhere is the {MARKER}?;Here is the {MARKER}.;17\r\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes(SHEET.encode("utf-8-sig"))
    (tmp_path / "bad.jsonl").write_text(
        json.dumps({"prompt": f"{MARKER}?", "completion": f"{MARKER}."})
        + f'\n{{"prompt": "{MARKER}?", "completion": ""}}\n{MARKER}\n[1]\n'
        + json.dumps({"messages": [{"role": MARKER, "content": MARKER}]})
    )
    return tmp_path


def test_a_table_becomes_chat_and_the_mapping_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "in.csv", "-o", "out.jsonl"]) == 0
    printed = capsys.readouterr()
    assert "user = `Question`, assistant = `Answer` (by the names of the columns)" in printed.err
    assert "left out: Ticket (1 rows)" in printed.out
    assert json.loads(Path("out.jsonl").read_text())["messages"][0]["content"] == f"Where is the {MARKER}?"


def test_the_record_names_input_output_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    import hashlib

    assert run(["convert", "in.csv", "-o", "out.jsonl", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    content = Path("out.jsonl").read_bytes()
    assert record["schema"] == "tunegate.conversion/1"
    assert record["output"] == {
        "path": "out.jsonl",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": 1,
    }
    assert record["inputs"][0]["sha256"] == hashlib.sha256(Path("in.csv").read_bytes()).hexdigest()
    assert run(["convert", "in.csv", "-o", "again.jsonl", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == record["id"]


def test_rows_that_cannot_be_converted_exit_1_and_leave_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "bad.jsonl", "-o", "out.jsonl"]) == 1
    printed = capsys.readouterr().out
    assert "bad.jsonl:2 /completion: the answer is empty" in printed
    assert "bad.jsonl:3: not valid JSON" in printed
    assert "bad.jsonl:4: JSON, but not an object" in printed
    assert "bad.jsonl:5 /messages/0/role: the role is missing or unknown" in printed
    assert "nothing written: 4 of 5 rows" in printed
    assert sorted(path.name for path in Path().iterdir()) == ["bad.jsonl", "in.csv"]


def test_skip_bad_writes_the_rest_and_says_how_many_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "bad.jsonl", "-o", "out.jsonl", "--skip-bad"]) == 0
    assert "not converted: 4 of 5 rows" in capsys.readouterr().out
    assert len(Path("out.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_text_of_a_row_is_printed(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    header = Path("headless.csv")
    header.write_text(f"The {MARKER} is a small animal that lives on an island!,answer\nx,y\n")
    cp1252 = Path("cp1252.csv")
    cp1252.write_bytes(f"question,answer\ncaf\xe9 {MARKER},y\n".encode("cp1252"))
    quotes = Path("quotes.csv")
    quotes.write_text(f'question,answer\n"{MARKER}"{MARKER},y\n')
    for name in ("in.csv", "bad.jsonl", "headless.csv", "cp1252.csv", "quotes.csv"):
        run(["convert", name, "-o", "out.jsonl", "--format", format_, "--system", f"Be a {MARKER}."])
    printed = capsys.readouterr()
    assert MARKER not in printed.out + printed.err


def test_a_system_text_that_looks_like_a_column_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "in.csv", "-o", "out.jsonl", "--system", "Tickt"]) == 0
    said = capsys.readouterr().err
    assert "the system message is the text given (5 characters). Did you mean 'Ticket'?" in said


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"q,a\nx,y\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run(["convert", "-", "-o", "out.jsonl", "--prompt", "q", "--answer", "a"]) == 0
    assert "user = `q`, assistant = `a` (as named)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.csv"], "Missing option"),
        (["in.csv", "-o", "in.csv"], "An input would be written over"),
        (["in.csv", "-o", "in.csv", "--force"], "An input would be written over"),
        (["in.csv", "-o", "bad.jsonl"], "give --force"),
        (["in.csv", "-o", "."], "a folder"),
        (["missing.csv", "-o", "out.jsonl"], "No such file"),
        (["in.csv", "-o", "out.jsonl", "--to", "chats"], "Did you mean 'chat'?"),
        (["in.csv", "-o", "out.jsonl", "--from", "excel"], "sharegpt"),
        (["in.csv", "-o", "out.jsonl", "--encoding", "latin-99"], "cp1252"),
        (["in.csv", "-o", "out.jsonl", "--encoding", "rot13"], "cp1252"),
        (["in.csv", "-o", "out.jsonl", "--delimiter", "::"], "one character"),
        (["in.csv", "-o", "out.jsonl", "--map", "user"], "role=COLUMN"),
        (["in.csv", "-o", "out.jsonl", "--map", "user=Question"], "of the answer"),
        (["in.csv", "-o", "out.jsonl", "--map", "user=Question,teacher=Answer"], "chosen"),
        (["in.csv", "-o", "out.jsonl", "--map", "user=Question,assistant=Answr"], "Did you mean 'Answer'?"),
        (["in.csv", "-o", "out.jsonl", "--keep", "Tickets"], "are in no row"),
        (["in.csv", "-o", "out.jsonl", "--map", "user=Question", "--prompt", "Answer"], "two columns"),
    ],
)
def test_bad_usage_exits_2_says_what_to_do_and_writes_nothing(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(["convert", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_force_writes_over_an_earlier_output() -> None:
    Path("out.jsonl").write_text("old")
    assert run(["convert", "in.csv", "-o", "out.jsonl", "--force"]) == 0
    assert "messages" in Path("out.jsonl").read_text()
