"""--output where it names something else than a file: pipes, devices and links stay what they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.app import run

SAID = ["explain", "ESC-040", "--output"]


def piped(command: list[str], pipe: Path) -> tuple[int, str]:
    """The exit code of a command, and what it wrote into a pipe."""
    os.mkfifo(pipe)
    # open for both, so that neither side waits for the other
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        code = run(command)
        assert stat.S_ISFIFO(pipe.stat().st_mode), "the pipe was replaced"
        return code, os.read(descriptor, 1 << 16).decode()
    finally:
        os.close(descriptor)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    code, said = piped([*SAID, str(tmp_path / "pipe")], tmp_path / "pipe")
    assert (code, "ESC-040" in said) == (0, True)
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]


def test_converted_rows_go_into_a_pipe(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "one", "output": "two"}\n')
    command = ["convert", str(rows), "--to", "chat", "--force", "-o", str(tmp_path / "pipe")]
    code, said = piped(command, tmp_path / "pipe")
    assert (code, said.count("\n"), "two" in said) == (0, 1, True)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    assert run([*SAID, str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    assert "ESC-040" in (tmp_path / "real").read_text()


@pytest.mark.parametrize("to_file", [True, False])
def test_standard_output_by_its_name(tmp_path: Path, *, to_file: bool) -> None:
    link, shown = tmp_path / "stdout", tmp_path / "shown"
    link.symlink_to("/dev/stdout")  # of its own, so that a fault replaces no link of the machine
    shown.write_text("before\n")
    command = [sys.executable, "-m", "service", *SAID, str(link)]
    with shown.open("a") as handle:
        done = subprocess.run(command, stdout=handle if to_file else subprocess.PIPE, check=True, text=True)
    said = shown.read_text() if to_file else f"before\n{done.stdout}"
    assert said.startswith("before\n")
    assert "ESC-040" in said
    assert link.is_symlink()


def test_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SAID, str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
