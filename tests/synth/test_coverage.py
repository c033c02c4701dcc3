"""Rows from documents: what is asked, what is written beside them, and what a set is worth."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said

from service.cli.app import run
from service.errors import TuneGateError
from tests.synth.conftest import PASSAGES, Ask, good, passage_of, row, rows_of


def test_every_passage_is_asked_for_once_before_any_twice(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    made = ask(rows=6, target="openai", concurrency=1).record
    assert (made.verdict, [one.rule for one in made.why]) == ("fail", ["SYN-230"]), "ten rows are the least there"
    asked = [passage_of(body) for body in endpoint.bodies]
    assert sorted(asked[:4]) == sorted(PASSAGES)
    assert len(asked) == 6
    assert len(made.templates) == 4
    assert made.coverage == 1.0
    assert [(one.name, one.chunks, one.covered) for one in made.sources] == [(f"{n}.md", 1, 1) for n in range(4)]


def test_a_set_that_passes_has_its_record_and_origins_beside_it(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    made = ask(rows=12)
    record = made.record
    assert (record.verdict, record.why, record.output.rows) == ("pass", [], 12)  # type: ignore[union-attr]
    content = Path("out.jsonl").read_bytes()
    assert record.output.sha256 == hashlib.sha256(content).hexdigest()  # type: ignore[union-attr]
    assert json.loads(Path("out.synth.json").read_text())["id"] == record.id
    origins = rows_of(Path("out.provenance.jsonl"))
    assert [one["sha256"] for one in origins] == [hashlib.sha256(one).hexdigest() for one in content.splitlines()]
    for one in origins:
        source = (docs / one["document"]).read_bytes()
        assert one["document_sha256"] == hashlib.sha256(source).hexdigest()
        assert source.decode()[one["start"] : one["end"]] in PASSAGES
    roles = [[message["role"] for message in one["messages"]] for one in rows_of(Path("out.jsonl"))]
    assert roles == [["system", "user", "assistant"]] * 12
    assert not Path("out.jsonl.work").exists()


def test_the_same_seed_gives_the_same_rows_whoever_answers_first(docs: Path, ask: Ask) -> None:
    first = ask(rows=10, concurrency=1).record
    again = ask(rows=10, concurrency=8, out=Path("again.jsonl")).record
    other = ask(rows=10, seed=7, out=Path("other.jsonl")).record
    assert Path("out.jsonl").read_bytes() == Path("again.jsonl").read_bytes() != Path("other.jsonl").read_bytes()
    assert first.id == again.id != other.id


def test_all_that_is_no_document_is_named_at_once(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    (docs / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (docs / "empty.txt").write_bytes(b"")
    Path("raw.txt").write_bytes(bytes(range(256)))
    Path("none.md").write_text("\n \n")
    with pytest.raises(TuneGateError) as raised:
        ask(sources=[docs, Path("raw.txt"), Path("none.md")])
    assert [one.where for one in raised.value.errors] == ["raw.txt", "none.md"]
    assert {one.what: one.why for one in ask(rows=12).record.passed_over} == {
        "empty.txt": "an empty file",
        "picture.png": "another kind of file",
    }


def test_a_folder_of_binaries_is_refused(folder: Path, endpoint: Endpoint, ask: Ask) -> None:
    place = folder / "docs"
    place.mkdir()
    for n in range(3):
        (place / f"{n}.txt").write_bytes(bytes(range(200, 256)))
    with pytest.raises(TuneGateError) as raised:
        ask()
    assert [one.where for one in raised.value.errors] == ["0.txt", "1.txt", "2.txt"]
    assert endpoint.bodies == []


def test_more_rows_than_can_come_are_refused_before_anything_is_paid(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    with pytest.raises(TuneGateError, match="24 requests") as raised:
        ask(rows=25)
    assert raised.value.code == "invalid_input"
    assert endpoint.bodies == []


def test_every_wrong_value_is_told_at_once(docs: Path, ask: Ask) -> None:
    with pytest.raises(TuneGateError) as raised:
        ask(rows=0, temperature=3, out=Path("out.csv"), target="nobody", max_cost=1.0, concurrency=0)
    assert {"rows", "temperature", "out", "concurrency", "model m"} <= {one.where for one in raised.value.errors}
    assert any("target" in one.where or "nobody" in str(one.seen) for one in raised.value.errors)


def test_repeated_documents_are_asked_for_once_and_counted_as_covered(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    (docs / "copy.md").write_text(f"{PASSAGES[0].upper()}\n")
    made = ask().record
    assert len(endpoint.bodies) == 4
    assert {one.name: (one.covered, one.repeated) for one in made.sources}["copy.md"] == (1, 1)


def test_rows_that_resemble_each_other_do_not_pass(docs: Path, endpoint: Endpoint, ask: Ask) -> None:
    def alike(body: dict[str, Any], number: int) -> Said:
        said = good(body, number).text or ""
        start = "the same long answer comes here with many words that every other one has too and a little more"
        return row(json.loads(said)["question"][:10], f"{start} {said[-30:-3]}")

    endpoint.rule = alike
    made = ask(rows=12).record
    assert made.verdict == "fail"
    assert {"SYN-220"} <= {one.rule for one in made.why}


def test_the_command_line(docs: Path, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["synth", "coverage", "docs", "--endpoint", endpoint.url, "--model", "m", "--target", "local"]
    assert run([*arguments, "--rows", "12", "-o", "out.jsonl", "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(Path("out.synth.json").read_text())
    assert run([*arguments[:-1], "openai", "--rows", "3", "-o", "few.jsonl"]) == 1
    assert "SYN-230" in capsys.readouterr().out
    assert run([*arguments, "-o", "out.jsonl"]) == 2
    assert run(["explain", "SYN-230"]) == 0
