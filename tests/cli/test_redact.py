"""tunegate redact on the command line: a new file or none, a map for its owner only, and no value anywhere else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from service.cli.app import run

VALUES = ("ada.quokka@example.org", "536-90-4399", "4111 1111 1111 1111", "415-555-0132", "DE89370400440532013000")


def chat(*contents: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents], **more}


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


DATA = lines(
    chat(f"I am {VALUES[0]}, my ssn is {VALUES[1]}"),
    chat("Nothing to see."),
    chat(f"card {VALUES[2]}, call {VALUES[3]}", metadata={"iban": VALUES[4], "owner": VALUES[0].upper()}),
)
REDACTED = lines(
    chat("I am <EMAIL_ADDRESS_1>, my ssn is <US_SSN_1>"),
    chat("Nothing to see."),
    chat(
        "card <CREDIT_CARD_1>, call <PHONE_NUMBER_1>",
        metadata={"iban": "<IBAN_CODE_1>", "owner": "<EMAIL_ADDRESS_1>"},
    ),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    (tmp_path / "data.jsonl").write_bytes(DATA)
    return tmp_path


def names(folder: Path) -> set[str]:
    """Everything but what the scan keeps for itself."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {name for name in found if name != "home" and not name.startswith("home/cache")}


def test_the_copy_and_the_record(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (here / "out.jsonl").read_bytes() == REDACTED
    assert (here / "data.jsonl").read_bytes() == DATA
    assert names(here) == {"data.jsonl", "out.jsonl"}
    assert record["schema"] == "tunegate.redaction/1"
    assert record["counts"] == {
        "CREDIT_CARD": 1, "EMAIL_ADDRESS": 2, "IBAN_CODE": 1, "PHONE_NUMBER": 1, "US_SSN": 1,
    }  # fmt: skip
    (file,) = record["files"]
    assert file["input"] == {
        "path": "data.jsonl", "sha256": hashlib.sha256(DATA).hexdigest(), "bytes": len(DATA), "rows": 3,
    }  # fmt: skip
    assert file["output"] == {
        "path": "out.jsonl", "sha256": hashlib.sha256(REDACTED).hexdigest(), "bytes": len(REDACTED), "rows": 3,
    }  # fmt: skip
    assert (file["changed_rows"], record["changed_rows"], file["map"]) == (2, 2, None)
    unscanned = " ".join(f"{one['what']}: {one['why']}" for one in record["not_scanned"])
    assert all(word in unscanned for word in ("PERSON", "LOCATION", "ORGANIZATION", "URL", "languages than en"))
    assert run(["redact", "data.jsonl", "-o", "again.jsonl", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == record["id"]


def test_the_summary_says_what_was_done_and_what_was_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--map", "keep/map.jsonl"]) == 0
    printed = capsys.readouterr().out
    assert "EMAIL_ADDRESS x 2" in printed
    assert "wrote out.jsonl: 3 rows, 2 of them redacted" in printed
    names = "PERSON, LOCATION, ORGANIZATION"
    assert f"not redacted: {names} (NOT looked for: no named-entity model is configured)" in printed
    assert "not redacted: roles, types, ids, weights, names of functions and of schema properties, data of" in printed
    assert "not redacted: values that are split over two texts" in printed


def test_twice_changes_nothing_more(here: Path) -> None:
    assert run(["redact", "data.jsonl", "-o", "out.jsonl"]) == 0
    assert run(["redact", "out.jsonl", "-o", "twice.jsonl"]) == 0
    assert (here / "twice.jsonl").read_bytes() == REDACTED


@pytest.mark.parametrize("way", ["pseudonyms", "replace", "mask", "hash"])
def test_there_and_back_gives_the_same_bytes(here: Path, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = b"\xef\xbb\xbf" + DATA.replace(b"\n", b"\r\n").rstrip()
    (here / "data.jsonl").write_bytes(data)
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--map", "map.jsonl", "--with", way]) == 0
    redacted = (here / "out.jsonl").read_text()
    assert [value for value in VALUES if value in redacted] == []
    assert stat.S_IMODE((here / "map.jsonl").stat().st_mode) == 0o600
    capsys.readouterr()
    assert run(["redact", "out.jsonl", "-o", "back.jsonl", "--restore", "map.jsonl", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (here / "back.jsonl").read_bytes() == data
    assert (record["exact"], record["restored_rows"], record["missing_rows"]) == (True, 2, 0)
    assert record["output"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert stat.S_IMODE((here / "back.jsonl").stat().st_mode) == 0o600


def test_rows_that_were_edited_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--map", "map.jsonl"]) == 0
    first, second, third = (here / "out.jsonl").read_bytes().splitlines(keepends=True)
    (here / "edited.jsonl").write_bytes(third + second + first.replace(b"I am", b"It is"))
    capsys.readouterr()
    assert run(["redact", "edited.jsonl", "-o", "back.jsonl", "--restore", "map.jsonl"]) == 1
    assert "not restored: 1 rows" in (printed := capsys.readouterr().out)
    assert "written: 1)" in printed
    assert (here / "back.jsonl").read_bytes().splitlines()[:2] == DATA.splitlines()[:0:-1]


def test_the_map_of_another_file_restores_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--map", "map.jsonl"]) == 0
    before = names(here)
    for other in (DATA, lines(chat("I am <EMAIL_ADDRESS_1>")), b""):
        (here / "data.jsonl").write_bytes(other)
        capsys.readouterr()
        assert run(["redact", "data.jsonl", "-o", "back.jsonl", "--restore", "map.jsonl"]) == 2
        assert "map.jsonl is not the map of data.jsonl" in capsys.readouterr().err
        assert names(here) == before


@pytest.mark.parametrize("packed", ["data.jsonl", "data.jsonl.gz", "data.jsonl.zst"])
@pytest.mark.parametrize("out", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"])
def test_the_copy_is_packed_as_its_name_says(packed: str, out: str, here: Path) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
    (here / packed).write_bytes(pack.get(Path(packed).suffix, bytes)(DATA))
    assert run(["redact", packed, "-o", out, "--map", "map.jsonl"]) == 0
    raw = (here / out).read_bytes()
    if out.endswith(".zst"):
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    assert (gzip.decompress(raw) if out.endswith(".gz") else raw) == REDACTED
    assert run(["redact", out, "-o", "back.jsonl", "--restore", "map.jsonl"]) == 0
    assert (here / "back.jsonl").read_bytes() == DATA


def test_stdin_is_read_both_ways(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DATA)))
    assert run(["redact", "-", "-o", "out.jsonl", "--map", "map.jsonl"]) == 0
    assert (here / "out.jsonl").read_bytes() == REDACTED
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(REDACTED)))
    assert run(["redact", "-", "-o", "back.jsonl", "--restore", "map.jsonl"]) == 0
    assert (here / "back.jsonl").read_bytes() == DATA


def test_several_files_go_to_folders(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "more").mkdir()
    (here / "more" / "second.jsonl").write_bytes(lines(chat("no data"), chat(VALUES[0])))
    files = ["data.jsonl", "more/second.jsonl"]
    assert run(["redact", *files, "-o", "new/copies", "--map", "maps", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["rows"], record["counts"]["EMAIL_ADDRESS"]) == (5, 3)
    assert (here / "new/copies/data.jsonl").read_bytes() == REDACTED
    assert (here / "new/copies/second.jsonl").read_bytes() == lines(chat("no data"), chat("<EMAIL_ADDRESS_1>"))
    second = ["redact", "new/copies/second.jsonl", "-o", "back.jsonl"]
    assert run([*second, "--restore", "maps/data.jsonl.map.jsonl"]) == 2
    assert run([*second, "--restore", "maps/second.jsonl.map.jsonl"]) == 0
    assert (here / "back.jsonl").read_bytes() == (here / "more/second.jsonl").read_bytes()


def test_names_of_files_need_not_be_utf8(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, out, kept = (os.fsdecode(b"\xff" + one) for one in (b"in.jsonl", b"out.jsonl", b"map.jsonl"))
    (here / name).write_bytes(DATA)
    assert run(["redact", name, "-o", out, "--map", kept, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["map"] == "\ufffdmap.jsonl"
    assert run(["redact", out, "-o", "back.jsonl", "--restore", kept, "--format", "json"]) == 0
    assert (here / "back.jsonl").read_bytes() == DATA


def test_only_what_was_named_goes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "data.jsonl").write_bytes(lines(chat(f"{VALUES[0]} and {VALUES[2]}, https://example.com/x")))
    assert run(["redact", "data.jsonl", "-o", "one.jsonl", "--entities", "CREDIT_CARD", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)["not_scanned"]
    assert {"what": "other entities", "why": "only those that were named are redacted"} in said
    assert (here / "one.jsonl").read_bytes() == lines(chat(f"{VALUES[0]} and <CREDIT_CARD_1>, https://example.com/x"))
    assert run(["redact", "data.jsonl", "-o", "all.jsonl", "--entities", "all"]) == 0
    assert (here / "all.jsonl").read_bytes() == lines(chat("<EMAIL_ADDRESS_1> and <CREDIT_CARD_1>, <URL_1>"))
    assert run(["redact", "data.jsonl", "-o", "sure.jsonl", "--threshold", "1", "--language", "de"]) == 0
    assert b"<EMAIL_ADDRESS_1>" in (here / "sure.jsonl").read_bytes()


def test_rows_that_cannot_be_read_are_all_told_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [DATA.splitlines()[0], VALUES[0].encode(), b"", b'{"a": "%s", "a": 1}' % VALUES[0].encode(), b"\xff"]
    (here / "bad.jsonl").write_bytes(b"\n".join(bad))
    before = names(here)
    assert run(["redact", "data.jsonl", "bad.jsonl", "-o", "new", "--map", "maps"]) == 2
    printed = capsys.readouterr()
    assert "3 row(s) cannot be read" in printed.err
    for said in ("bad.jsonl:2; saw not JSON", "bad.jsonl:4; saw a key stands twice", "bad.jsonl:5; saw not UTF-8"):
        assert said in printed.err
    assert "quokka" not in printed.err + printed.out
    assert names(here) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data.jsonl"], "Missing option"),
        (["data.jsonl", "-o", "data.jsonl"], "data.jsonl; saw an input"),
        (["data.jsonl", "-o", "soft.jsonl"], "soft.jsonl; saw an input"),
        (["data.jsonl", "-o", "hard.jsonl"], "hard.jsonl; saw an input"),
        (["data.jsonl", "-o", "there.jsonl"], "there.jsonl; saw it exists"),
        (["data.jsonl", "-o", "dangling.jsonl"], "dangling.jsonl; saw it exists"),
        (["data.jsonl", "-o", "folder"], "folder; saw it exists"),
        (["data.jsonl", "-o", "out.jsonl", "--map", "there.jsonl"], "there.jsonl; saw it exists"),
        (["data.jsonl", "-o", "out.jsonl", "--map", "data.jsonl"], "data.jsonl; saw an input"),
        (["data.jsonl", "-o", "out.jsonl", "--map", "./out.jsonl"], "saw the copy of -o"),
        (["data.jsonl", "-o", "out.jsonl", "--map", "home/map.jsonl"], "saw the service's data folder"),
        (["data.jsonl", "there.jsonl", "-o", "new", "--map", "new/maps"], "saw the folder of the copies"),
        (["data.jsonl", "there.jsonl", "-o", "hard.jsonl"], "saw a file; allowed: a folder"),
        (["data.jsonl", "folder/data.jsonl", "-o", "new"], "another input also becomes data.jsonl"),
        (["missing.jsonl", "-o", "new/out.jsonl"], "missing.jsonl: No such file"),
        (["folder", "-o", "new/out.jsonl"], "a folder"),
        (["torn.gz", "-o", "new/out.jsonl", "--map", "new/map"], "breaks off or is damaged"),
        (["data.parquet", "-o", "out.jsonl"], "tunegate convert"),
        (["wide.jsonl", "-o", "out.jsonl"], "tunegate lint --fix"),
        (["data.jsonl", "-o", "out.jsonl", "--with", "magic"], "pseudonyms"),
        (["data.jsonl", "-o", "out.jsonl", "--entities", "EMAIL_ADRESS"], "Did you mean 'EMAIL_ADDRESS'?"),
        (["data.jsonl", "-o", "out.jsonl", "--entities", "all,URL"], "all, or names"),
        (["data.jsonl", "-o", "out.jsonl", "--language", "english"], "as en, de, tl"),
        (["data.jsonl", "-o", "out.jsonl", "--threshold", "7"], "a number from 0 to 1"),
        (["data.jsonl", "-o", "out.jsonl", "--restore", "there.jsonl"], "not a map of a redaction"),
        (["data.jsonl", "-o", "out.jsonl", "--restore", "missing"], "missing: No such file"),
        (["data.jsonl", "-o", "data.jsonl", "--restore", "there.jsonl"], "An input would be written over"),
        (["data.jsonl", "-o", "out.jsonl", "--restore", "there.jsonl", "--map", "m", "--with", "mask"], "--with; saw"),
        (["data.jsonl", "there.jsonl", "-o", "out.jsonl", "--restore", "there.jsonl"], "FILE; saw 2 files"),
    ],
)
def test_bad_usage_exits_2_says_what_to_do_and_leaves_nothing(
    arguments: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "soft.jsonl").symlink_to("data.jsonl")
    (here / "hard.jsonl").hardlink_to("data.jsonl")
    (here / "dangling.jsonl").symlink_to("nowhere")
    (here / "folder").mkdir()
    for name in ("there.jsonl", "folder/data.jsonl"):
        (here / name).write_bytes(DATA)
    (here / "torn.gz").write_bytes(gzip.compress(DATA + os.urandom(9000))[:-30])
    (here / "data.parquet").write_bytes(b"PAR1....PAR1")
    (here / "wide.jsonl").write_bytes(DATA.decode().encode("utf-16"))
    before = names(here)
    assert run(["redact", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert names(here) == before
    assert (here / "data.jsonl").read_bytes() == DATA


def test_what_is_in_the_way_is_told_together(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "out.jsonl").write_bytes(b"")
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--map", "home/map.jsonl"]) == 2
    said = capsys.readouterr().err
    assert "out.jsonl; saw it exists" in said
    assert "home/map.jsonl; saw the service's data folder" in said


def test_no_value_is_told_anywhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for extra in ([], ["--format", "json"], ["--format", "json", "--map", "map.jsonl"], ["--with", "mask"]):
        run(["redact", "data.jsonl", "-o", f"out{len(extra)}.jsonl", *extra])
    run(["redact", "out4.jsonl", "-o", "back.jsonl", "--restore", "map.jsonl", "--format", "json"])
    printed = capsys.readouterr()
    assert [value for value in (*VALUES, "quokka") if value in printed.out + printed.err] == []
