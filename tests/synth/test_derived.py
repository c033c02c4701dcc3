"""What is made of a synthesis' rows still says so: redacted, converted, mended, joined, and what rests on it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint

from service.cli.app import run
from service.errors import TuneGateError
from service.records.synth_job import SynthOrigins
from service.records.synthesis import SynthReport
from service.store.database import migrate, open_engine
from service.store.store import Store
from service.store.syntheses import RECORD
from service.verbs.synthesizing.beside import Beside
from service.verbs.synthesizing.brought import read_brought
from service.verbs.synthesizing.derived import Derived
from service.verbs.synthesizing.origins import origins_beside
from tests.synth.conftest import OWN, PLACE, Ask, good, rows_of, with_address
from tests.synth.test_chain import FACTS, write_model

Cli = Callable[..., Any]


@pytest.fixture
def record(docs: Path, endpoint: Endpoint, ask: Ask) -> SynthReport:
    endpoint.rule = with_address
    return ask(rows=12).record


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """What a command prints as JSON."""

    def run_it(*arguments: str) -> Any:
        run([*arguments, "--format", "json"])
        said = capsys.readouterr()
        assert said.out, said.err
        return json.loads(said.out)

    return run_it


def redacted(cli: Cli, path: str, out: str) -> Any:
    return cli("redact", path, "-o", out, "--entities", "URL")


def linted(cli: Cli, *files: str) -> Any:
    return cli("lint", *files, "--target", "local", "--privacy", "off")


def told(report: Any) -> tuple[list[str], float | None, dict[str, int]]:
    return report["synth"], report["facts"].get("data.synthetic"), report["synth_rows"]


def test_all_the_way_to_a_plan_and_a_decision(record: SynthReport, cli: Cli) -> None:
    lines = Path("out.jsonl").read_text().splitlines(keepends=True)
    Path("out.jsonl").write_text("".join([OWN, *lines[:9], OWN, OWN]))
    assert redacted(cli, "out.jsonl", "redacted.jsonl")["changed_rows"] == 9
    assert PLACE not in Path("redacted.jsonl").read_text()
    Path("apart").mkdir()
    cli("convert", "redacted.jsonl", "--to", "sharegpt", "-o", "apart/shared.jsonl")
    cli("convert", "apart/shared.jsonl", "-o", "apart/chat/rows.jsonl")
    mending = ("--target", "azure-openai", "--privacy", "off", "--select", "F003,Q001,Q025", "--fix", "--unsafe-fixes")
    mended = cli("lint", "apart/chat/rows.jsonl", *mending, "-o", "mended.jsonl")
    text = Path("mended.jsonl").read_text()
    assert (text.startswith("\ufeff"), "<div>" in text) == (True, False)
    assert told(mended) == ([record.id], 0.9, {record.id: 9})
    report = linted(cli, "mended.jsonl")
    assert told(report) == ([record.id], 0.9, {record.id: 9})
    origins = rows_of(Path("mended.provenance.jsonl"))
    first = [hashlib.sha256(line.strip().encode()).hexdigest() for line in lines[:9]]
    assert [one["derived_from"] for one in origins] == first
    assert [one["row"] for one in origins] == list(range(2, 11))
    assert all(one["document"] and one["prompt_sha256"] for one in origins)

    Path("report.json").write_text(json.dumps(report))
    Path("facts.json").write_text(json.dumps({"facts": FACTS}))
    decided = cli("advise", "facts.json", "--report", "report.json", "--no-input")
    says = {one["record"]: one["says"] for one in decided["evidence"]}
    assert says[record.id] == "a model wrote rows of the data: 9 of 10 training rows, by the lint report"
    plan = cli("plan", "--model", write_model(), "--data", "mended.jsonl", "--technique", "lora")
    assert plan["synth"] == [record.id]


def test_rows_of_two_syntheses_that_were_joined(record: SynthReport, endpoint: Endpoint, ask: Ask, cli: Cli) -> None:
    endpoint.rule = good
    other = ask(rows=4, seed=7, out=Path("other.jsonl")).record
    Path("own.jsonl").write_text(OWN * 4)
    both = {record.id: 12, other.id: 4}
    cli("convert", "out.jsonl", "other.jsonl", "own.jsonl", "--to", "sharegpt", "-o", "far/shared.jsonl")
    assert len(json.loads(Path("far/shared.synth.json").read_bytes())) == 2
    cli("convert", "far/shared.jsonl", "-o", "far/joined.jsonl")
    assert told(linted(cli, "far/joined.jsonl")) == ([record.id, other.id], 0.8, both)
    cli("split", "far/joined.jsonl", "-o", "parts", "--validation", "0.25")
    parts = linted(cli, "parts/train.jsonl", "parts/validation.jsonl")
    assert set(parts["synth"]) == set(both)
    # as `cat` joins them, under a name of its own
    Path("all.jsonl").write_text("".join(Path(name).read_text() for name in ("own.jsonl", "other.jsonl", "out.jsonl")))
    assert linted(cli, "all.jsonl")["synth_rows"] == both
    assert told(linted(cli, "own.jsonl")) == ([], None, {})


def test_packed_copies_and_folders_of_them(record: SynthReport, cli: Cli) -> None:
    Path("own.jsonl").write_text(OWN)
    cli("redact", "out.jsonl", "own.jsonl", "-o", "copies", "--entities", "URL")
    assert sorted(path.name for path in Path("copies").iterdir()) == [
        "out.jsonl", "out.provenance.jsonl", "out.synth.json", "own.jsonl",
    ]  # fmt: skip
    Path("packed").mkdir()
    redacted(cli, "copies/out.jsonl", "packed/out.jsonl.gz")
    assert len(gzip.decompress(Path("packed/out.jsonl.gz").read_bytes()).splitlines()) == 12
    assert told(linted(cli, "packed/out.jsonl.gz")) == ([record.id], 1.0, {record.id: 12})


def test_rows_without_their_origins_are_told_as_a_whole(record: SynthReport, cli: Cli) -> None:
    Path("out.provenance.jsonl").unlink()
    redacted(cli, "out.jsonl", "apart/copy.jsonl")
    assert told(linted(cli, "apart/copy.jsonl")) == ([record.id], 1.0, {record.id: 12})
    said, origins = Path("apart/copy.synth.json").read_bytes(), Path("apart/copy.provenance.jsonl").read_bytes()
    assert [one.synth for one in read_brought(said + origins).origins] == [record.id] * 12
    with pytest.raises(TuneGateError) as raised:
        read_brought(said + origins.replace(b'"synth":', b'"by":', 1) + origins.replace(b'{"', b'{"seed":1,"', 1))
    assert [one.where for one in raised.value.errors] == ["origins: row 1", "origins: row 13"]
    # another's rows in the folder of a synthesis
    Path("own.jsonl").write_text(OWN)
    mended = cli("lint", "own.jsonl", "--target", "local", "--privacy", "off", "--fix", "-o", "apart/own.jsonl")
    assert told(mended) == ([], None, {})


def test_only_regular_files_within_a_bound_are_read(record: SynthReport, cli: Cli) -> None:
    left, origins = Path("out.synth.json").read_bytes(), Path("out.provenance.jsonl").read_bytes()
    Path("apart").mkdir()
    Path("apart/rows.jsonl").write_text(Path("out.jsonl").read_text() + OWN)
    # somebody is writing
    Path("apart/.tunegate-abcdefgh.out.synth.json").write_bytes(left)
    Path("apart/.tunegate-abcdefgh.out.provenance.jsonl").write_bytes(origins)
    assert told(linted(cli, "apart/rows.jsonl")) == ([], None, {})
    os.mkfifo("apart/a.synth.json")
    Path("apart/b.synth.json").write_bytes(left)
    os.mkfifo("apart/b.provenance.jsonl")
    Path("apart/c.synth.json").write_bytes(left)
    Path("apart/c.provenance.jsonl").write_bytes(origins)
    os.truncate("apart/c.provenance.jsonl", 2 << 30)
    report = linted(cli, "apart/rows.jsonl")
    assert told(report) == ([], None, {})
    why = "origins of other files in its folder beyond 1 GiB were not read: c.synth.json"
    assert {"what": "which rows of apart/rows.jsonl other syntheses wrote", "why": why} in report["not_scanned"]
    # what makes a copy reads them all, in as little memory
    redacted(cli, "apart/rows.jsonl", "copy.jsonl")
    assert linted(cli, "copy.jsonl")["synth_rows"] == {record.id: 12}
    os.truncate("apart/c.provenance.jsonl", len(origins))
    assert linted(cli, "apart/rows.jsonl")["synth_rows"] == {record.id: 12}


def test_origins_are_not_held_in_memory(record: SynthReport) -> None:
    line = Path("out.provenance.jsonl").read_bytes().splitlines()[0]
    sha256 = json.loads(line)["sha256"].encode()
    others = [hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(10_000)]
    with Path("out.provenance.jsonl").open("ab") as handle:
        handle.writelines(line.replace(sha256, other) + b"\n" for other in others)
    tracemalloc.start()
    known = origins_beside(Path("out.jsonl"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(known.rows), known.record(b"9999"), known.record(b"10000")) == (10_012, record.id, None)
    assert peak < 3 << 20


def test_what_stands_there_already_is_not_written_over(
    record: SynthReport, cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("copy.synth.json").write_text("somebody's notes")
    for command in (
        ["redact", "out.jsonl", "-o", "copy.jsonl"],
        ["convert", "out.jsonl", "-o", "copy.jsonl"],
        ["lint", "out.jsonl", "--target", "local", "--fix", "-o", "copy.jsonl"],
    ):
        assert run(command) != 0
        assert "copy.synth.json" in capsys.readouterr().err
    assert Path("copy.synth.json").read_text() == "somebody's notes"
    assert [path.name for path in Path().glob("copy*")] == ["copy.synth.json"]
    Path("own.jsonl").write_text(OWN)
    cli("redact", "own.jsonl", "-o", "copy.jsonl")
    assert Path("copy.synth.json").read_text() == "somebody's notes"


def test_parts_write_over_no_record_of_others(
    record: SynthReport, cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.synth.json").write_text("somebody's notes")
    assert run(["split", "out.jsonl", "-o", "."]) != 0
    assert "train.synth.json" in capsys.readouterr().err
    # a set whose rows were renamed: what is said of them stands where the part's would
    pair = ("train.synth.json", "train.provenance.jsonl")
    for name in pair:
        Path(f"out{name[5:]}").replace(name)
    left = {name: Path(name).read_bytes() for name in pair}
    assert run(["split", "out.jsonl", "-o", "."]) != 0
    assert "train.synth.json" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path().glob("[tv]*")} == left
    cli("split", "out.jsonl", "-o", "parts", "--validation", "0.25")
    assert told(linted(cli, "parts/train.jsonl")) == ([record.id], 1.0, {record.id: 9})
    Path("own.jsonl").write_text("".join(OWN.replace("Hi", f"Hi {n}") for n in range(8)))
    cli("split", "own.jsonl", "-o", "parts", "--force", "--validation", "0.25")
    assert sorted(path.name for path in Path("parts").iterdir()) == ["train.jsonl", "validation.jsonl"]


def test_an_output_that_fails_leaves_nothing_beside_it(record: SynthReport, cli: Cli) -> None:
    Path("rows.jsonl").write_text(Path("out.jsonl").read_text() + OWN * 60)
    cli("convert", "rows.jsonl", "--to", "sharegpt", "-o", "apart/first.jsonl")
    whole = Path("apart/first.jsonl").stat().st_size
    assert whole > Path("apart/first.synth.json").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # as of a full disk: the very last bytes cannot be written
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole - 1, hard))
    try:
        assert run(["convert", "rows.jsonl", "--to", "sharegpt", "-o", "other/copy.jsonl"]) != 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(Path("other").iterdir()) == []
    # a command that was killed before its file appeared left these
    for name in ("synth.json", "provenance.jsonl"):
        Path(f"other/copy.{name}").write_bytes(Path(f"apart/first.{name}").read_bytes())
    assert run(["convert", "rows.jsonl", "--to", "sharegpt", "-o", "other/copy.jsonl"]) == 0
    # rows of one's own in the place of theirs
    Path("own.jsonl").write_text(OWN)
    assert run(["convert", "own.jsonl", "--to", "sharegpt", "-o", "other/copy.jsonl", "--force"]) == 0
    assert [path.name for path in Path("other").iterdir()] == ["copy.jsonl"]
    assert run(["convert", "out.jsonl", "--to", "sharegpt", "-o", "/dev/stdout", "--force"]) == 0
    assert not list(Path("/dev").glob("stdout*.*"))


def test_what_was_replaced_comes_back_where_the_output_fails(record: SynthReport) -> None:
    left = {path: path.read_bytes() for path in Path().glob("out.*")}
    made = Derived(Path("out.jsonl"))
    trail = made.trail(Path("out.jsonl"))
    for number, line in enumerate(left[Path("out.jsonl")].splitlines()[:3], 1):
        trail.wrote(number, line)

    def fail() -> None:
        with Beside([made], force=True) as beside:
            beside.put()
            assert len(rows_of(Path("out.provenance.jsonl"))) == 3
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert {path: path.read_bytes() for path in Path().glob("out.*")} == left
    assert not list(Path().glob(".tunegate*"))


def test_a_record_that_was_removed_meanwhile_keeps_no_rows(record: SynthReport, folder: Path) -> None:
    left = b"".join(Path(f"out.{name}").read_bytes() for name in ("synth.json", "provenance.jsonl"))
    engine = open_engine(f"sqlite:///{folder / 'service.db'}")
    migrate(engine)
    store, origins = Store(engine, "default"), read_brought(left).origins
    store.put(RECORD, record.id, record)
    store.syntheses.keep_derived(record.id, "1" * 64, SynthOrigins(origins[:1]))
    assert store.syntheses.derived(record.id) == origins[:1]
    store.syntheses.forget_unnamed(record.id, "default")
    with pytest.raises(TuneGateError) as raised:
        store.syntheses.keep_derived(record.id, "2" * 64, SynthOrigins(origins[1:]))
    assert (raised.value.code, store.syntheses.derived(record.id)) == ("unknown_id", [])
    engine.dispose()
