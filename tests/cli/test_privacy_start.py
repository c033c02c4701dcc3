"""The privacy scan of a small file: prepared once, then without Presidio where nothing can be found; same findings."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

LINT = ("lint", "data.jsonl", "--target", "openai", "--tokens", "off", "--privacy", "patterns")
REDACT = ("redact", "data.jsonl", "-o", "out.jsonl")
# what only somebody who looks at a possible finding needs
HEAVY = ("presidio_analyzer", "spacy", "phonenumbers", "tldextract", "regex", "numpy")
PROGRAM = """
import sys
from service.cli.app import run
code = run(sys.argv[1:])
sys.stderr.write(" ".join(sorted(set(sys.modules).intersection({heavy!r}))))
sys.exit(code)
"""
CLEAN = ("How do I bake bread?", "Mix 500 g of flour with water, wait, née, then bake it for 40 minutes at 230 °C.")
HITS = ("I am ana.ruiz@quokkas.org, call 020 7946 0123.", "Card 4111 1111 1111 1111, née Ruiz: 10.20.30.40.")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def written(folder: Path, said: Sequence[str]) -> None:
    rows = [{"messages": [{"role": "user", "content": said[0]}, {"role": "assistant", "content": said[1]}]}] * 12
    (folder / "data.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def ran(folder: Path, home: Path, *arguments: str, stderr: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments],
        cwd=folder, env=os.environ | {"TUNEGATE_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=120, check=False,
    )  # fmt: skip


def on_terminal(folder: Path, home: Path, *arguments: str) -> str:
    """What a terminal that stderr is shows."""
    master, slave = pty.openpty()
    ran(folder, home, *arguments, stderr=slave)
    os.close(slave)
    os.set_blocking(master, False)
    try:
        return os.read(master, 4096).decode()
    except OSError:
        return ""
    finally:
        os.close(master)


@pytest.mark.parametrize("arguments", [LINT, REDACT])
def test_a_file_in_which_nothing_can_be_found_imports_nothing_of_presidio(
    tmp_path: Path, home: Path, arguments: tuple[str, ...]
) -> None:
    written(tmp_path, CLEAN)
    first = ran(tmp_path, home, *arguments)
    (tmp_path / "out.jsonl").unlink(missing_ok=True)
    second = ran(tmp_path, home, *arguments)
    assert second.stderr == ""
    assert (first.returncode, first.stdout) == (second.returncode, second.stdout)


def test_findings_are_the_same_with_nothing_kept_and_with_everything_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    written(tmp_path, HITS)
    cold = ran(tmp_path, home, *LINT, "--format", "json")
    made = {path.name for path in (home / "cache" / "privacy").iterdir()}
    warm = ran(tmp_path, home, *LINT, "--format", "json")
    assert cold.stdout == warm.stdout
    assert {"P001", "P002"} <= set(json.loads(warm.stdout)["counts"])
    assert {path.name for path in (home / "cache" / "privacy").iterdir()} == made
    assert "presidio_analyzer" in warm.stderr


def test_a_terminal_is_told_once_that_the_scan_is_prepared(tmp_path: Path) -> None:
    written(tmp_path, CLEAN)
    home, told = tmp_path / "home", "prepares its patterns (en), once on this machine"
    first = on_terminal(tmp_path, home, *LINT, "--format", "json")
    assert first.count(told) == 1
    assert told not in on_terminal(tmp_path, home, *LINT, "--format", "json")
    assert told not in ran(tmp_path, tmp_path / "other", *LINT).stderr
