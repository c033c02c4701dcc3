"""tunegate lint --fix: a new file or none, never the input; what was changed is said, and no text with it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard

from service.cli.app import run

GOOD = Path(__file__).resolve().parents[2] / "examples" / "library-desk"


def chat(n: int, **last: Any) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": "Yes."} | last]
    }


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


FLAWED = lines(chat(1, weight=True), chat(2), chat(3, weight=1.0))
MENDED = lines(chat(1, weight=1), chat(2), chat(3, weight=1))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEGATE_TARGET", "local")
    (tmp_path / "data.jsonl").write_bytes(FLAWED)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_copy_its_log_and_the_report_on_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "data.jsonl", "--format", "json"]) == 1
    capsys.readouterr()
    assert run(["lint", "data.jsonl", "--fix", "-o", "out.jsonl", "--format", "json"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["verdict"], report["files"][0]["path"], report["files"][0]["rows"]) == ("pass", "out.jsonl", 3)
    assert (here / "out.jsonl").read_bytes() == MENDED
    assert (here / "data.jsonl").read_bytes() == FLAWED
    did = "wrote the weight as the number 0 or 1"
    log = [json.loads(line) for line in (here / "out.jsonl.changes.jsonl").read_text().splitlines()]
    assert log == [{"rule": "R030", "line": n, "pointer": "/messages/1/weight", "did": did} for n in (1, 3)]
    assert "out.jsonl: 2 change(s) to data.jsonl, listed in out.jsonl.changes.jsonl" in printed.err
    assert "R030 x 2" in printed.err
    assert names(here) == {"data.jsonl", "out.jsonl", "out.jsonl.changes.jsonl"}


def test_what_is_left_makes_the_exit_code(here: Path) -> None:
    flawed = str(GOOD / "flawed.jsonl")
    assert run(["lint", flawed, "--fix", "--unsafe-fixes", "-o", "out.jsonl"]) == 1
    planted = {"R006", "R012", "R022", "R030", "R031", "Q001", "S010"}
    log = (here / "out.jsonl.changes.jsonl").read_text()
    assert planted <= {json.loads(line)["rule"] for line in log.splitlines()}
    assert "Fernhill" not in log


def test_what_unsafe_fixes_would_mend_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "data.jsonl").write_bytes(lines(chat(1), chat(2), chat(2), chat(3, content="")))
    run(["lint", "data.jsonl", "--fix", "-o", "safe.jsonl"])
    assert "2 finding(s) left may be mended by --unsafe-fixes: Q001, R022" in capsys.readouterr().err
    run(["lint", "data.jsonl", "--fix", "--unsafe-fixes", "-o", "other.jsonl"])
    assert "--unsafe-fixes" not in capsys.readouterr().err


def test_a_clean_file_is_copied_byte_for_byte(here: Path) -> None:
    assert run(["lint", str(GOOD / "train.jsonl"), "--fix", "--unsafe-fixes", "-o", "out.jsonl"]) == 0
    assert (here / "out.jsonl").read_bytes() == (GOOD / "train.jsonl").read_bytes()
    assert (here / "out.jsonl.changes.jsonl").read_bytes() == b""


def test_only_findings_of_the_chosen_rules_are_mended(here: Path) -> None:
    (here / "data.jsonl").write_bytes(lines(chat(1, weight=True) | {"note": 1}))
    run(["lint", "data.jsonl", "--fix", "-o", "one.jsonl", "--ignore", "R030"])
    assert json.loads((here / "one.jsonl").read_text()) == chat(1, weight=True)
    run(["lint", "data.jsonl", "--fix", "-o", "two.jsonl", "--select", "R03"])
    assert json.loads((here / "two.jsonl").read_text()) == chat(1, weight=1) | {"note": 1}


@pytest.mark.parametrize(("target", "left"), [("local", {"weight": 0}), ("trl", {})])
def test_weights_stay_where_the_target_honours_them(target: str, left: dict[str, int], here: Path) -> None:
    row = {"messages": [*chat(1, weight=0)["messages"], *chat(2)["messages"]]}
    (here / "data.jsonl").write_bytes(lines(row))
    run(["lint", "data.jsonl", "--target", target, "--fix", "--unsafe-fixes", "-o", "out.jsonl"])
    first = {"role": "assistant", "content": "Yes."} | left
    assert json.loads((here / "out.jsonl").read_text())["messages"][1] == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data.jsonl", "--fix"], "no -o OUT"),
        (["data.jsonl", "--unsafe-fixes"], "no --fix"),
        (["data.jsonl", "-o", "out.jsonl"], "no --fix"),
        (["data.jsonl", "--fix", "-o", "out.jsonl", "--output", "./out.jsonl"], "saw the copy of -o"),
        (["data.jsonl", "--fix", "-o", "data.jsonl"], "data.jsonl; saw an input"),
        (["data.jsonl", "--fix", "-o", "soft.jsonl"], "soft.jsonl; saw an input"),
        (["data.jsonl", "--fix", "-o", "hard.jsonl"], "hard.jsonl; saw an input"),
        (["soft.jsonl", "--fix", "-o", "data.jsonl"], "data.jsonl; saw an input"),
        (["data.jsonl", "--fix", "-o", "there.jsonl"], "there.jsonl; saw it exists"),
        (["data.jsonl", "--fix", "-o", "dangling.jsonl"], "dangling.jsonl; saw it exists"),
        (["data.jsonl", "--fix", "-o", "folder"], "folder; saw it exists"),
        (["data.jsonl", "--fix", "-o", "logged.jsonl"], "logged.jsonl.changes.jsonl; saw it exists"),
        (["data.jsonl", "there.jsonl", "--fix", "-o", "hard.jsonl"], "saw a file; allowed: a folder"),
        (["data.jsonl", "folder/data.jsonl", "--fix", "-o", "new"], "another input also becomes data.jsonl"),
        (["data.jsonl", "--validation", "data.jsonl", "--fix", "-o", "new"], "another input also becomes data.jsonl"),
        (["data.jsonl", "there.jsonl", "--fix", "-o", "."], "there.jsonl; saw an input"),
        (["missing.jsonl", "--fix", "-o", "out.jsonl"], "missing.jsonl: No such file"),
        (["folder", "--fix", "-o", "out.jsonl"], "a folder"),
        (["data.jsonl", "--fix", "-o", "data.jsonl/out.jsonl"], "out.jsonl"),
        (["data.jsonl", "--fix", "-o", "out.jsonl", "--select", "R999"], "R999"),
        (["data.jsonl", "--fix", "-o", "out.jsonl", "--target", "opnai"], "Did you mean 'openai'?"),
        (["torn.gz", "--fix", "-o", "new/out.jsonl"], "breaks off or is damaged"),
        (["torn.zst", "--fix", "-o", "out.zst"], "breaks off or is damaged"),
        (["data.parquet", "--fix", "-o", "out.jsonl"], "Parquet"),
    ],
)
def test_bad_usage_exits_2_says_what_to_do_and_leaves_nothing(
    arguments: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "soft.jsonl").symlink_to("data.jsonl")
    (here / "hard.jsonl").hardlink_to("data.jsonl")
    (here / "dangling.jsonl").symlink_to("nowhere")
    (here / "folder").mkdir()
    for name in ("there.jsonl", "logged.jsonl.changes.jsonl", "folder/data.jsonl"):
        (here / name).write_bytes(FLAWED)
    (here / "torn.gz").write_bytes(gzip.compress(FLAWED * 99)[:-30])
    (here / "torn.zst").write_bytes(zstandard.compress(os.urandom(5000))[:-30] + b"x" * 99)
    (here / "data.parquet").write_bytes(b"PAR1....PAR1")
    before = names(here)
    assert run(["lint", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert names(here) == before
    assert not (here / "new").exists()
    assert (here / "data.jsonl").read_bytes() == FLAWED


def test_several_files_and_the_validation_data_go_to_a_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "more").mkdir()
    (here / "more" / "second.jsonl").write_bytes(lines(chat(4, weight=True)))
    (here / "held.jsonl").write_bytes(lines(chat(2), chat(9)))
    files = ["data.jsonl", "more/second.jsonl", "--validation", "held.jsonl"]
    assert run(["lint", *files, "--fix", "-o", "new/copies", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(Path(file["path"]).name, file["role"]) for file in report["files"]] == [
        ("data.jsonl", "train"), ("second.jsonl", "train"), ("held.jsonl", "validation"),
    ]  # fmt: skip
    assert (here / "new/copies/second.jsonl").read_bytes() == lines(chat(4, weight=1))
    assert (here / "new/copies/held.jsonl").read_bytes() == lines(chat(9)), "the other one is trained on"
    assert "X001" in (here / "new/copies/held.jsonl.changes.jsonl").read_text()


@pytest.mark.parametrize("packed", ["data.jsonl", "data.jsonl.gz", "data.jsonl.zst"])
@pytest.mark.parametrize("out", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"])
def test_the_copy_is_packed_as_its_name_says(packed: str, out: str, here: Path) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
    (here / packed).write_bytes(pack.get(Path(packed).suffix, bytes)(FLAWED))
    assert run(["lint", packed, "--fix", "-o", out]) == 0
    raw = (here / out).read_bytes()
    if out.endswith(".zst"):
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    assert (gzip.decompress(raw) if out.endswith(".gz") else raw) == MENDED


MANY = lines(*(chat(n, content=f"Answer {n}.", weight=1) for n in range(1000)))


@contextmanager
def reading_from_a_pipe(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has begun its copy and waits for more to come."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "lint", "-", "--fix", "-o", "new/out.jsonl"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        assert process.stdin
        process.stdin.write(MANY.replace(b": 1}", b": true}"))
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in (folder / "new").glob(".*.out.jsonl")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_stream_is_mended(here: Path) -> None:
    with reading_from_a_pipe(here) as process:
        _, said = process.communicate()
    assert process.returncode == 0
    assert (here / "new/out.jsonl").read_bytes() == MANY
    assert b"1000 change(s) to -" in said


def test_the_keyboard_stops_it_and_nothing_is_left(here: Path) -> None:
    with reading_from_a_pipe(here) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
    assert names(here) == {"data.jsonl"}
    assert not (here / "new").exists()


def test_a_killed_process_leaves_no_copy(here: Path) -> None:
    with reading_from_a_pipe(here) as process:
        process.kill()
        process.wait(120)
    assert not list((here / "new").glob("[!.]*"))


# written here: roles must take turns
STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
)


def test_a_model_folder_says_what_is_mended_as_it_says_what_is_found(here: Path) -> None:
    folder = here / "model"
    folder.mkdir()
    (folder / "chat_template.jinja").write_text(STRICT)
    asked = [{"role": "user", "content": "One."}, {"role": "user", "content": "Two?"}]
    (here / "in.jsonl").write_bytes(lines({"messages": [*asked, {"role": "assistant", "content": "Three."}]}))
    arguments = ["lint", "in.jsonl", "--target", "trl", "--model", "model", "--tokens", "off", "--select", "R015"]
    assert run([one for one in arguments if one not in {"--model", "model"}]) == 0
    assert run(arguments) == 1
    assert run([*arguments, "--fix", "--unsafe-fixes", "-o", "out.jsonl"]) == 0
