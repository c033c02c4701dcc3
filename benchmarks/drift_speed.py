"""Drift of two datasets against one lint of both, as whole commands, by turns in one run.

Run: python benchmarks/drift_speed.py [MB of each] [turns]. The text is prose of the installed documentation, repeated
with other row numbers until it is long enough. The goal of the ratio is 1.2 at most; lint runs as it comes (its scan
for personal data where the privacy extra is installed) and without it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from _corpora import texts
from scipy import __version__ as scipy_version

from service.data import rule_files

_PROSE_MB = 16.0
SYSTEM = "Answer from the documentation of the library."


def write(path: Path, megabytes: float, chosen: Sequence[str], first: int) -> None:
    """Chats of a question and an answer until the file is that long."""
    size, number = 0, first
    with path.open("wb") as stream:
        while size < megabytes * 1e6:
            for question, answer in zip(chosen[::2], chosen[1::2], strict=False):
                number += 1
                said = (("system", SYSTEM), ("user", f"{number}: {question}"), ("assistant", answer))
                row = {"messages": [{"role": who, "content": text} for who, text in said]}
                line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
                stream.write(line)
                size += len(line)
                if size >= megabytes * 1e6:
                    return


def seconds(*arguments: str) -> float:
    """Wall-clock of a command."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments, "--format", "json", "--output", os.devnull],
        check=False, stderr=subprocess.PIPE, timeout=3600,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr.decode()
    return time.perf_counter() - begun


def main() -> None:
    """Print the conditions, the times and the ratios."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 100.0
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, Python {platform.python_version()}, scipy {scipy_version}, {os.cpu_count()} cores,")
    print(f"load before {load:.1f}, rules {rule_files().revision[:12]}, {megabytes:g} MB x 2, median of {turns} turns")
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "before.jsonl", Path(folder) / "after.jsonl"
        chosen = texts(_PROSE_MB)
        write(one, megabytes, chosen, 0)
        write(other, megabytes, chosen[len(chosen) // 2 :] + chosen[: len(chosen) // 2], 10_000_000)
        files, target = (str(one), str(other)), ("--target", "openai")
        commands = {
            "drift": ("drift", *files, *target),
            "lint": ("lint", *files, *target),
            "lint, no scan for personal data": ("lint", *files, *target, "--privacy", "off"),
            "drift, tokens off": ("drift", *files, *target, "--tokens", "off"),
            "lint, tokens off, no scan": ("lint", *files, *target, "--privacy", "off", "--tokens", "off"),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(turns):
            for name, command in commands.items():
                times[name].append(seconds(*command))
    found = {name: median(took) for name, took in times.items()}
    for name, took in found.items():
        print(f"{name:34} {took:7.2f} s  ({', '.join(f'{one:.2f}' for one in times[name])})")
    print(f"drift / lint                             {found['drift'] / found['lint']:.2f} (goal 1.2)")
    print(f"drift / lint without the scan            {found['drift'] / found['lint, no scan for personal data']:.2f}")
    off = found["drift, tokens off"] / found["lint, tokens off, no scan"]
    print(f"both without counting tokens             {off:.2f}")


if __name__ == "__main__":
    main()
