"""Tables as they leave spreadsheets and databases: encodings, delimiters, quoted newlines, Parquet."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from service.errors import TuneGateError
from service.verbs.convert import ConvertRequest, convert

Convert = Callable[..., Any]
EXCEL = 'Question;Answer\r\nWhere is the café?;"On the\nsecond floor; left"\r\n'
ASKED = ["Where is the café?", "On the\nsecond floor; left"]


def contents(rows: list[Any]) -> list[list[str]]:
    return [[message["content"] for message in row["messages"]] for row in rows]


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        (EXCEL.encode("utf-8-sig"), {}),
        (EXCEL.encode("utf-16"), {}),
        (EXCEL.encode("cp1252"), {"encoding": "cp1252"}),
        (f"sep=;\r\n{EXCEL}".encode(), {}),
        (EXCEL.replace(";", "\t", 1).replace("?;", "?\t").encode(), {}),
        (EXCEL.replace("\r\n", ";;\r\n").replace("Answer;;", "Answer;Notes;Date").encode(), {}),
        (f"{EXCEL};\r\n\r\n".encode(), {}),
        (gzip.compress(EXCEL.encode(), mtime=0), {}),
        (zstandard.compress(EXCEL[:9].encode()) + zstandard.compress(EXCEL[9:].encode()), {}),
    ],
    ids=["utf-8 with mark", "utf-16", "cp1252", "sep=", "tabs", "more columns", "empty rows", "gzip", "zstandard"],
)
def test_an_export_of_a_spreadsheet_is_read(
    converted_bytes: Convert, raw: bytes, options: dict[str, str], tmp_path: Path
) -> None:
    rows, record = converted_bytes(raw, tmp_path / "out.jsonl", **options)
    assert contents(rows) == [ASKED]
    assert record.mappings == {"-": [{"user": "Question", "assistant": "Answer"}]}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"Question;Answer\nx;y\ncaf\xe9;z\n", ["line 3", "byte 4", "--encoding cp1252"]),
        (b"Question;Answer,really\nx;y\n", ["comma and semicolon", "--delimiter"]),
        (b"Question\nx\n", ["one column", "--delimiter"]),
        (b'Question;Answer\n"x;y\nz;w\n', ["starts on line 2", "quotes"]),
        (b'Question;Answer\nx;y\n"x"y;z\n', ["starts on line 3", "quotes"]),
        (b"Question;Prompt;Answer\nx;y;z\n", ["`Question`, `Prompt`", "--map user=COLUMN,assistant=COLUMN"]),
        (b"First;Second\nx;y\n", ["`First`, `Second`"]),
        (b"Answer;Question;Answer\nx;y;z\n", ["twice in the header"]),
        (b"\n\n", ["There are no rows"]),
        (b"[{}", ["not a JSON array"]),
        (b"PAR1 and no more", ["no Parquet"]),
        (gzip.compress(EXCEL.encode(), mtime=0)[:-9], ["breaks off or is damaged"]),
        (zstandard.compress(EXCEL.encode())[:-1], ["breaks off or is damaged"]),
        (zstandard.compress(EXCEL.encode()) + b"no frame", ["breaks off or is damaged"]),
    ],
)
def test_a_table_that_cannot_be_told_is_refused_with_the_way_out(
    converted_bytes: Convert, raw: bytes, said: list[str], tmp_path: Path
) -> None:
    with pytest.raises(TuneGateError) as caught:
        converted_bytes(raw, tmp_path / "out.jsonl")
    error = caught.value
    shown = " ".join([error.detail, error.remedy, *(f"{one.where} {one.seen} {one.allowed}" for one in error.errors)])
    assert [one for one in said if one not in shown] == []
    assert list(tmp_path.iterdir()) == []


def test_columns_can_be_named_and_a_system_message_added(converted_bytes: Convert, tmp_path: Path) -> None:
    raw = b"Q,Prompt,A,Tone\nx,-,y,Be brief.\nv,-,w,\n"
    columns = {"user": "Q", "assistant": "A"}
    rows, record = converted_bytes(raw, tmp_path / "out.jsonl", columns=columns, system="Tone")
    assert contents(rows) == [["Be brief.", "x", "y"], ["v", "w"]]
    assert record.left_out == {"Prompt": 2}
    rows, _ = converted_bytes(raw, tmp_path / "out.jsonl", columns=columns, system="Be kind.")
    assert contents(rows) == [["Be kind.", "x", "y"], ["Be kind.", "v", "w"]]


def test_columns_of_preferences_are_read(converted_bytes: Convert, tmp_path: Path) -> None:
    raw = b"Q,Good,Bad\nx,y,z\n"
    columns = {"user": "Q", "chosen": "Good", "rejected": "Bad"}
    rows, _ = converted_bytes(raw, tmp_path / "out.jsonl", columns=columns, to="dpo-trl")
    assert rows == [
        {
            "prompt": [{"role": "user", "content": "x"}],
            "chosen": [{"role": "assistant", "content": "y"}],
            "rejected": [{"role": "assistant", "content": "z"}],
        }
    ]


def test_a_row_that_the_header_does_not_fit_is_named(converted_bytes: Convert, tmp_path: Path) -> None:
    raw = b'Question,Answer\n"two\nlines",a\nx,y,z\nx\n'
    _, record = converted_bytes(raw, tmp_path / "out.jsonl")
    assert [(bad.line, bad.why) for bad in record.bad] == [
        (4, "the row has more cells than the header"),
        (5, "the answer is empty"),
    ]


def test_the_shape_of_columns_is_known_like_that_of_rows(converted_bytes: Convert, tmp_path: Path) -> None:
    messages = json.dumps([{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]).replace('"', '""')
    rows, _ = converted_bytes(f'id,conversations\n1,"{messages}"\n'.encode(), tmp_path / "out.jsonl")
    assert contents(rows) == [["x", "y"]]
    rows, _ = converted_bytes(b"instruction,input,output\nx,,y\nx,a,b\n", tmp_path / "out.jsonl")
    assert contents(rows) == [["x", "y"], ["x\na", "b"]]


def test_an_array_is_read_like_lines(converted_bytes: Convert, tmp_path: Path) -> None:
    raw = b'[\n {"prompt": "x", "completion": "y"},\n {"prompt": "", "completion": "z"}\n]'
    rows, record = converted_bytes(raw, tmp_path / "out.jsonl", skip_bad=True)
    assert contents(rows) == [["x", "y"]]
    assert [bad.line for bad in record.bad] == [2]


TABLE = pa.table(
    {
        "question": ["x", "v", None],
        "label": [1, 2, 3],
        "meta": [{"a": 1, "b": None}, {"a": None, "b": "2"}, None],
    }
)
CHATS = pa.table(
    {
        "messages": [
            [
                {"role": "user", "content": "x", "weight": None},
                {"role": "assistant", "content": "y", "weight": 1},
            ]
        ]
    }
)


def test_parquet_is_read(converted_bytes: Convert, tmp_path: Path) -> None:
    parquet.write_table(TABLE, tmp_path / "in.parquet")
    raw = (tmp_path / "in.parquet").read_bytes()
    rows, record = converted_bytes(raw, tmp_path / "out.jsonl", keep=["meta"], skip_bad=True)
    assert contents(rows) == [["x", "1"], ["v", "2"]]
    assert [row["meta"] for row in rows] == [{"a": 1}, {"b": "2"}]
    assert [(bad.line, bad.why) for bad in record.bad] == [(3, "the prompt is empty")]


def test_conversations_in_parquet_have_only_the_keys_that_are_there(tmp_path: Path) -> None:
    parquet.write_table(CHATS, tmp_path / "in.parquet")
    out = tmp_path / "out.jsonl"
    record = convert(ConvertRequest(inputs=[(tmp_path / "in.parquet", "in.parquet")], out=out))
    assert record.inputs[0].bytes == (tmp_path / "in.parquet").stat().st_size
    assert json.loads(out.read_text()) == {
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "weight": 1}]
    }


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path) -> None:
    parquet.write_table(CHATS, tmp_path / "in.parquet")
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from service.cli.app import run\n"
        "sys.exit(run(['convert', 'in.parquet', '-o', 'out.jsonl']))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    assert "pip install 'tunegate[parquet]'" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


class Long(io.RawIOBase):
    """A head and then the same line again and again, never in memory together."""

    def __init__(self, head: bytes, line: bytes, times: int) -> None:
        self._rest, self._line, self._times = head, line, times

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._times and len(self._rest) < len(buffer):
            self._rest += self._line
            self._times -= 1
        block, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        (b"", json.dumps({"prompt": "x" * 9000, "completion": "y"}).encode() + b"\n"),
        (b"Question,Answer\n", b"x" * 9000 + b",y\n"),
    ],
    ids=["lines", "table"],
)
def test_memory_does_not_grow_with_the_rows(head: bytes, line: bytes, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        request = ConvertRequest(inputs=[(None, "-")], out=tmp_path / f"{rows}.jsonl")
        tracemalloc.start()
        record = convert(request, stdin=io.BufferedReader(Long(head, line, rows)))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert record.inputs[0].rows == rows
        return found

    assert peak(3000) < peak(300) + (1 << 20)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_with_a_byte_order_mark_are_read(converted_bytes: Convert, encoding: str, tmp_path: Path) -> None:
    raw = '{"prompt": "Où?", "completion": "Là."}\n'.encode(encoding)
    assert contents(converted_bytes(raw, tmp_path / "out.jsonl")[0]) == [["Où?", "Là."]]
