"""Memory of `tunegate lint` on a corpus of prose: all its processes together, and what a further line costs.

Run: python benchmarks/lint_memory.py [MB] [WORKERS] (default 50 and 1; below some hundred MB the growth per line is
mostly that of buffers that are not full yet). The prose is that of the documentation in the installed packages, cut
into rows that are all different. A quarter of the corpus is linted first, by as many processes, so that what is kept
per line is told apart from what every run needs.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

GOAL_MIB, GOAL_BYTES_PER_LINE = 286, 16
SEED = 7
PARAGRAPH_CHARACTERS = (60, 1_200)
SECONDS_BETWEEN = 0.02
MB, MIB = 1e6, 2**20


def paragraphs() -> list[str]:
    """Prose of the installed packages: their descriptions, readme files and licences."""
    found: dict[str, None] = {}
    for path in sorted({Path(one) for one in sys.path if one.endswith("site-packages")}):
        for file in sorted([*path.rglob("METADATA"), *path.rglob("*.rst"), *path.rglob("*.md"), *path.rglob("*.txt")]):
            for block in file.read_text(encoding="utf-8", errors="ignore").split("\n\n"):
                text = " ".join(block.split())
                if PARAGRAPH_CHARACTERS[0] <= len(text) <= PARAGRAPH_CHARACTERS[1]:
                    found[text] = None
    return list(found)


def rows(prose: list[str]) -> Iterator[bytes]:
    """Chats whose questions and answers never repeat as a whole."""
    chance = random.Random(SEED)
    for number in itertools.count():
        question, first, second = (chance.choice(prose) for _ in range(3))
        row = {
            "messages": [
                {"role": "system", "content": "Answer from the documentation."},
                {"role": "user", "content": f"{question} ({number})"},
                {"role": "assistant", "content": f"{first} {second} [{number}]"},
            ]
        }
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def write(path: Path, megabytes: float, prose: list[str]) -> int:
    """Writes the corpus; returns its lines."""
    lines = size = 0
    with path.open("wb") as sink:
        for row in rows(prose):
            if size >= megabytes * MB:
                return lines
            sink.write(row)
            lines, size = lines + 1, size + len(row)
    return lines


def peak_bytes(path: Path, workers: int) -> tuple[int, int]:
    """(the most memory, the most processes) of one run; a page that several processes share counts once."""
    command = [sys.executable, "-m", "service", "lint", str(path), "--target", "azure-openai", "--format", "json"]
    command += ["--workers", str(workers), "--privacy", "off", "--output", os.devnull]
    started = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    root, most, processes = psutil.Process(started.pid), 0, 1
    while started.poll() is None:
        sizes = list(map(pss_bytes, family(root)))
        most, processes = max(most, sum(sizes)), max(processes, len(sizes))
        time.sleep(SECONDS_BETWEEN)
    if started.returncode not in {0, 1}:
        raise SystemExit(f"tunegate lint ended with exit code {started.returncode}")
    return most, processes


def family(root: psutil.Process) -> list[psutil.Process]:
    """A process and those that it started."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pss_bytes(process: psutil.Process) -> int:
    """Proportional set size; 0 for a process that has just ended."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def main() -> None:
    """Print both peaks, the growth per line, and the goals."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 50.0
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    prose = paragraphs()
    print(f"lint memory: PSS of all processes, {len(prose):,} paragraphs of installed documentation, workers {workers}")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{'MB':>8}{'lines':>12}{'processes':>11}{'peak MiB':>10}")
    measured = []
    for size in (megabytes / 4, megabytes):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "corpus.jsonl"
            lines = write(path, size, prose)
            peak, processes = peak_bytes(path, workers)
        measured.append((lines, peak))
        print(f"{size:>8g}{lines:>12,}{processes:>11}{peak / MIB:>10.1f}")
    (few, low), (many, high) = measured
    growth = (high - low) / (many - few)
    base = (high - growth * many) / MIB
    print(f"growth {growth:.1f} bytes a line (goal: at most {GOAL_BYTES_PER_LINE})")
    print(f"of the peak {base:.0f} MiB are no lines (goal for all of it: at most {GOAL_MIB} MiB on 1 GB)")


if __name__ == "__main__":
    main()
