"""A real service with a base model that trains in seconds, and files of the shipped example beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from served import Served

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MAKER = [sys.executable, str(DESK / "make_base_model.py")]


def add_trainable(home: Path) -> None:
    """Put it into a data folder's models, as `base`."""
    subprocess.run([*MAKER, str(home / "models" / "base"), "--steps", "2"], check=True, capture_output=True)


def few_rows(folder: Path) -> Path:
    """Four rows to train on, as train.jsonl."""
    file = folder / "train.jsonl"
    file.write_bytes(b"\n".join((DESK / "train.jsonl").read_bytes().splitlines()[:4]) + b"\n")
    return file


class Quick(Served):
    """Ends its jobs with itself."""

    flags = ("--stop-jobs",)
