"""tunegate redact as a process: stopped, killed, beside another one, and over more than it may hold."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.cli.app import run

ROOT = Path(__file__).resolve().parents[2]
MAIL = "ada.quokka@example.org"
MIB = 1 << 20
# the data of an inline image is no text, so a large file of it takes seconds
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * MIB}}


def row(number: int, *more: object) -> bytes:
    content = [{"type": "text", "text": f"row {number} of {MAIL}"}, *more]
    return json.dumps({"messages": [{"role": "user", "content": content}]}).encode() + b"\n"


def started(folder: Path, *arguments: str, code: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "service"]
    return subprocess.Popen(
        [*command, "redact", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT), "TUNEGATE_HOME": str(folder / "home")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


@contextmanager
def begun(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has written part of its copy and its map, and waits for more to come."""
    process = started(folder, "-", "-o", "new/out.jsonl", "--map", "kept/map.jsonl")
    try:
        assert process.stdin
        process.stdin.write(b"".join(row(number, IMAGE) for number in range(8)))
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in (folder / "new").glob(".*.out.jsonl")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def files(folder: Path) -> list[Path]:
    """All but what the scan keeps for later runs."""
    return [path for path in folder.rglob("*") if path.is_file() and folder / "home" not in path.parents]


def test_the_keyboard_stops_it_and_nothing_is_left(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=120)
        assert process.returncode == 130
    assert MAIL.encode() not in out + said
    assert files(tmp_path) == []
    assert not (tmp_path / "new").exists()


def test_a_killed_process_leaves_no_copy_and_no_map_that_others_could_read(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        process.kill()
        process.wait(120)
    left = files(tmp_path)
    assert [path for path in left if not path.name.startswith(".")] == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in left} == {0o600}
    assert [path for path in left if MAIL in path.read_text() and path.parent.name != "kept"] == []


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        process.kill()
        process.wait(120)
    left = [path for path in files(tmp_path) if path.parent.name in ("new", "kept")]
    assert len(left) == 2
    own = [tmp_path / "new" / name for name in (".mybackup.out.jsonl", ".tunegate-short.out.jsonl", "other.jsonl")]
    for path in own:
        path.write_text("kept")
    (tmp_path / "data.jsonl").write_bytes(row(1))
    second = started(tmp_path, "data.jsonl", "-o", "new/out.jsonl", "--map", "kept/map.jsonl")
    assert second.communicate()[1] == b""
    assert second.returncode == 0
    there = {path.name for path in files(tmp_path) if path.parent.name in ("new", "kept")}
    assert there == {"out.jsonl", "map.jsonl", *(path.name for path in own)}


def test_what_a_living_one_writes_is_left_alone(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        before = {path for path in files(tmp_path) if path.parent.name == "new"}
        (tmp_path / "data.jsonl").write_bytes(row(1))
        second = started(tmp_path, "data.jsonl", "-o", "new/second.jsonl")
        second.communicate()
        assert second.returncode == 0
        assert {path for path in files(tmp_path) if path.parent.name == "new"} == before | {
            tmp_path / "new/second.jsonl"
        }
        assert process.stdin
        process.stdin.close()
        process.stdin = None
        assert process.wait(60) == 0
    assert (tmp_path / "new" / "out.jsonl").read_bytes().count(b"<EMAIL_ADDRESS_1>") == 8


def test_of_two_that_write_one_file_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_bytes(b"".join(row(number) for number in range(50)))
    both = [started(tmp_path, "data.jsonl", "-o", "out.jsonl", "--map", f"map{number}.jsonl") for number in range(2)]
    said = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) in ([0, 2], [0, 0]), said
    codes = [process.returncode for process in both]
    assert codes.count(0) == 1, said
    assert b"out.jsonl" in said[codes.index(2)][1]
    loser, winner = f"map{codes.index(2)}.jsonl", f"map{codes.index(0)}.jsonl"
    assert sorted(path.name for path in files(tmp_path)) == sorted(["data.jsonl", "out.jsonl", winner])
    assert not (tmp_path / loser).exists()
    back = tmp_path / "back.jsonl"
    assert run(["redact", str(tmp_path / "out.jsonl"), "-o", str(back), "--restore", str(tmp_path / winner)]) == 0
    assert back.read_bytes() == (tmp_path / "data.jsonl").read_bytes()


MEASURED = """
import re, sys
from pathlib import Path
from service.cli.app import run
for name in sys.argv[2:]:
    assert run(["redact", name, "-o", f"out-{name}", "--map", f"map-{name}"]) == 0
    (peak,) = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak) // 1024, file=sys.stderr)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    sizes = {"small.jsonl": 6, "large.jsonl": 50}
    for name, rows in sizes.items():
        (tmp_path / name).write_bytes(b"".join(row(number, IMAGE) for number in range(rows)))
    process = started(tmp_path, *sizes, code=MEASURED)
    _, said = process.communicate()
    assert process.returncode == 0, said
    for name, rows in sizes.items():
        assert (tmp_path / f"out-{name}").read_bytes().count(b"<EMAIL_ADDRESS_1>") == rows
        assert (tmp_path / f"map-{name}").stat().st_size < 1000 * rows
    small, large = (int(line) for line in said.split())
    assert large - small < 20
