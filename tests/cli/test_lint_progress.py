"""tunegate lint on a real terminal: how far a large file is read, on stderr, and nowhere else."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

LARGE_BYTES = 33 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file above the size from which a bar is shown; of few rows, because only its bytes count."""
    path = tmp_path_factory.mktemp("large") / "data.jsonl"
    asked = {"role": "user", "content": "long " * 100_000}
    rows = ({"messages": [asked, {"role": "assistant", "content": f"Answer {n}."}]} for n in range(70))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert path.stat().st_size > LARGE_BYTES
    return path


def seen(path: Path, *options: str) -> tuple[int, str, str]:
    """(exit code, stdout, what the terminal that stderr is showed)."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "service", "lint", str(path), "--target", "openai", "--tokens", "off", *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
    ) as process:  # fmt: skip
        os.close(slave)
        shown = b""
        try:
            while block := os.read(master, 4096):
                shown += block
        except OSError:
            # the other side was closed
            os.close(master)
        out, _ = process.communicate(timeout=60)
    return process.returncode, out.decode(), shown.decode()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_large_file_shows_how_far_it_is_read(large: Path, workers: str) -> None:
    _, out, shown = seen(large, "--workers", workers)
    assert "reading" in shown
    assert "100%" in shown
    assert any(f"{percent}%" in shown for percent in range(20, 80))
    assert "reading" not in out
    assert "70 rows for openai" in out


@pytest.mark.parametrize("wanted", ["1", ""])
def test_what_holds_the_privacy_scan_up_is_told_on_a_terminal_with_a_bar_and_without(wanted: str) -> None:
    program = """if True:
        import logging, sys
        from service.cli.lint_progress import reading_bar

        with reading_bar([], wanted=bool(sys.argv[1])):
            logging.getLogger("service.privacy.guard").info("Wait.")
        logging.getLogger("service.privacy.guard").info("Nobody waits.")
    """
    master, slave = pty.openpty()
    subprocess.run([sys.executable, "-c", program, wanted], stderr=slave, check=True, timeout=60)
    os.close(slave)
    os.set_blocking(master, False)
    shown = os.read(master, 4096)
    os.close(master)
    assert shown.split() == [b"Wait."]


def test_nothing_is_shown_to_programs(large: Path) -> None:
    _, out, shown = seen(large, "--workers", "1", "--format", "json")
    assert shown == ""
    assert json.loads(out)["files"][0]["rows"] == 70


def test_a_small_file_is_not_worth_it(large: Path, tmp_path: Path) -> None:
    small = tmp_path / "data.jsonl.gz"
    small.write_bytes(gzip.compress(large.read_bytes()[: 1 << 20], 1))
    assert seen(small)[2] == ""
    assert seen(tmp_path / "missing.jsonl")[0] == 2
