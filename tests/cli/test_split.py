"""tunegate split on the command line: parts, record, exit codes, and that lint finds no leakage."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from service.cli.app import run

MARKER = "quokka"
DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    said = [(f"{MARKER} {n // 2}?", f"{MARKER} {n}.") for n in range(120)]
    rows = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}
        for asked, answered in said
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "bad.jsonl").write_text(f'{{"messages": []}}\n{MARKER}\n["{MARKER}"]\n')
    return tmp_path


def test_the_parts_are_named_counted_and_free_of_leakage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", "in.jsonl", "-o", "parts", "--validation", "0.2", "--test", "12"]) == 0
    printed = capsys.readouterr().out
    assert "parts/train.jsonl: 84 rows (70.0%) in 42 groups" in printed
    assert "parts/validation.jsonl: 24 rows (20.0%) in 12 groups, asked 24" in printed
    assert "parts/test.jsonl: 12 rows (10.0%) in 6 groups, asked 12" in printed
    assert "120 rows in 60 groups (equal rows, the same prompt)" in printed
    assert "not considered: near duplicates" in printed
    for held_out in ("validation", "test"):
        files = ["parts/train.jsonl", "--validation", f"parts/{held_out}.jsonl"]
        run(["lint", *files, "--target", "openai", "--select", "X", "--format", "json"])
        assert {"X001", "X002", "X005"} & set(json.loads(capsys.readouterr().out)["counts"]) == set()


def test_the_shipped_example_can_be_split_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", str(DESK / "train.jsonl"), "-o", "parts"]) == 0
    files = ["parts/train.jsonl", "--validation", "parts/validation.jsonl"]
    assert run(["lint", *files, "--target", "openai"]) == 0, capsys.readouterr().out


def test_the_record_names_inputs_parts_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", "in.jsonl", "-o", "parts", "--format", "json", "--group-by", "prompt", "--seed", "7"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "tunegate.split/1"
    assert record["options"] == {"seed": 7, "by": ["prompt"], "validation": "0.1", "test": None}
    assert record["inputs"] == [
        {
            "path": "in.jsonl",
            "sha256": hashlib.sha256(Path("in.jsonl").read_bytes()).hexdigest(),
            "bytes": Path("in.jsonl").stat().st_size,
            "rows": 120,
        }
    ]
    for part in record["parts"]:
        content = Path(part["path"]).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
        assert (part["bytes"], part["rows"]) == (len(content), content.count(b"\n"))


def test_packed_files_are_split_like_plain_ones(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.jsonl.gz").write_bytes(gzip.compress(Path("in.jsonl").read_bytes()))
    ids = []
    for name in ("in.jsonl", "in.jsonl.gz"):
        assert run(["split", name, "-o", "parts", "--force", "--format", "json"]) == 0
        ids.append(json.loads(capsys.readouterr().out)["id"])
    assert ids[0] == ids[1]


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_text_of_a_row_is_printed(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", "in.jsonl", "-o", "parts", "--format", format_]) == 0
    assert run(["split", "bad.jsonl", "-o", "more", "--format", format_]) == 2
    printed = capsys.readouterr()
    assert "bad.jsonl:2" in printed.err
    assert MARKER not in printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.jsonl"], "Missing option"),
        (["missing.jsonl", "-o", "parts"], "No such file"),
        (["in.jsonl", "-o", "parts", "--validation", "half", "--test", "0"], "2 size(s)"),
        (["in.jsonl", "-o", "parts", "--by", "user"], "in no row"),
        (["bad.jsonl", "-o", "parts"], "tunegate convert"),
        (["in.jsonl", "-o", "parts", "--validation", "120"], "none is left"),
    ],
)
def test_bad_usage_exits_2_says_what_to_do_and_writes_nothing(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert not Path("parts").exists()


def test_nothing_is_written_over_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("parts").mkdir()
    Path("parts/train.jsonl").write_text("mine")
    assert run(["split", "in.jsonl", "-o", "parts"]) == 2
    assert "--force" in capsys.readouterr().err
    assert [path.name for path in Path("parts").iterdir()] == ["train.jsonl"]
    assert run(["split", "in.jsonl", "parts/train.jsonl", "-o", "parts", "--force"]) == 2
    assert "An input would be written over" in capsys.readouterr().err
    assert Path("parts/train.jsonl").read_text() == "mine"
    assert run(["split", "in.jsonl", "-o", "parts", "--force"]) == 0
