"""Every block of docs/http.md, run in order by bash against a real service; its output is the one that is shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiver import Receiver
from trainable import Quick, add_trainable, few_rows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
_MARK = "<<end of block>>"
BLOCKS = re.findall(r"```bash\n(.*?)```\n(?:```text\n(.*?)```)?", PAGE.read_text(), re.DOTALL)


def shown_as(shown: str, printed: str) -> bool:
    """Whether what was printed is what the page shows; `...` stands for anything in its line."""
    pattern = "\n".join(".*".join(map(re.escape, line.split("..."))) for line in shown.rstrip("\n").split("\n"))
    return re.fullmatch(pattern, printed.rstrip("\n")) is not None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def service(tmp_path: Path, receiver: Receiver) -> Iterator[Quick]:
    add_trainable(tmp_path / "home")
    running = Quick(tmp_path / "home", TUNEGATE_WEBHOOKS=receiver.url)
    yield running
    running.stop()


def test_every_line_does_what_the_page_shows(tmp_path: Path, service: Quick, receiver: Receiver) -> None:
    work, programs = tmp_path / "work", tmp_path / "bin"
    work.mkdir()
    programs.mkdir()
    few_rows(work)
    command = programs / "tunegate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    command.chmod(0o755)
    script = "set -euo pipefail\n" + "".join(f"{block}\necho '{_MARK}'\n" for block, _ in BLOCKS)
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-c", script], cwd=work, capture_output=True, text=True,
        env=os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}", "TUNEGATE_HOME": str(service.home), "TUNEGATE_URL": service.url,
            "RECEIVER": receiver.url,
        },
    )  # fmt: skip
    printed = done.stdout.split(f"{_MARK}\n")
    for (block, shown), found in zip(BLOCKS, printed, strict=False):
        assert shown_as(shown, found), f"{block}\nprinted:\n{found}\n{done.stderr}"
    assert (done.returncode, len(printed)) == (0, len(BLOCKS) + 1), done.stderr
    assert receiver.until(1)[0].said["type"] == "webhook.ping"


@pytest.mark.parametrize(
    ("shown", "printed"), [("a\n", "b\n"), ("a ...\n", "a\n"), ("a\n", "a\nb\n"), ("a...\nb\n", "a\n")]
)
def test_what_differs_is_seen(shown: str, printed: str) -> None:
    assert not shown_as(shown, printed)
    assert shown_as(printed, printed)
