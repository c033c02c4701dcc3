"""Drift of two datasets against one lint of both, as whole commands, by turns in one run.

Run: python benchmarks/drift_speed.py [MB of each] [turns] [workers, 0 = as many as each is worth]. The text is prose of
the installed documentation, repeated with other row numbers until it is long enough. The goal of the ratio is 1.2 at
most; lint runs as it comes (its scan for personal data where the privacy extra is installed) and without it.

Every command runs on files of a quarter of the size too. The difference of both is what a MB costs, and what is left is
what starting costs, which says the more the smaller the files are; a ratio by MB is that of files without end. Beside
the clock stands the time on processors of the command and its workers, which other work on the machine changes less.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from _corpora import texts
from scipy import __version__ as scipy_version

from service.data import rule_files

_PROSE_MB = 16.0
_SMALLER = 4
_LOOK_SECONDS = 0.05
SYSTEM = "Answer from the documentation of the library."
_COMMANDS = {
    "drift": ("drift", ()),
    "lint": ("lint", ()),
    "lint, no scan for personal data": ("lint", ("--privacy", "off")),
    "drift, tokens off": ("drift", ("--tokens", "off")),
    "lint, tokens off, no scan": ("lint", ("--privacy", "off", "--tokens", "off")),
}
_RATIOS = (
    ("drift", "lint"),
    ("drift", "lint, no scan for personal data"),
    ("drift, tokens off", "lint, tokens off, no scan"),
)


class Took(NamedTuple):
    """Seconds by the clock and on processors; the most MB that the command and its workers had (PSS)."""

    wall: float
    processors: float
    memory: float


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


def took(environment: Mapping[str, str], *arguments: str) -> Took:
    """Run a command to its end."""
    begun, spent = time.perf_counter(), _spent()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", *arguments, "--format", "json", "--output", os.devnull],
            stderr=said, env=environment,
        )  # fmt: skip
        most = 0.0
        while process.poll() is None:
            most = max(most, _memory(process.pid))
            time.sleep(_LOOK_SECONDS)
        wall = time.perf_counter() - begun
        said.seek(0)
        assert process.returncode in {0, 1}, said.read().decode()
    return Took(wall, _spent() - spent, most)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(parent: int) -> float:
    """MB of a process and its children, what they share counted once (Linux; elsewhere 0)."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        rolled = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in (str(parent), *children)]
    except OSError:
        # it ended meanwhile
        return 0.0
    lines = [line for text in rolled for line in text.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) * 1024 / 1e6


def measured(folder: Path, megabytes: float, turns: int, workers: int, *, warming: bool) -> dict[str, list[Took]]:
    """Every command by turns on two files of that size."""
    chosen = texts(_PROSE_MB)
    one, other = folder / f"before-{megabytes:g}.jsonl", folder / f"after-{megabytes:g}.jsonl"
    write(one, megabytes, chosen, 0)
    write(other, megabytes, chosen[len(chosen) // 2 :] + chosen[: len(chosen) // 2], 10_000_000)
    # compiled once, as an installed package is
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    same = (str(one), str(other), "--target", "openai", "--workers", str(workers))
    found: dict[str, list[Took]] = {name: [] for name in _COMMANDS}
    if warming:
        for verb in ("drift", "lint"):
            took(environment, verb, *same)
    for _ in range(turns):
        for name, (verb, more) in _COMMANDS.items():
            found[name].append(took(environment, verb, *same, *more))
    one.unlink()
    other.unlink()
    return found


def main() -> None:
    """Print the conditions, the times and the ratios."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 100.0
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    workers = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, Python {platform.python_version()}, scipy {scipy_version}, {os.cpu_count()} cores,")
    print(
        f"load before {load:.1f}, rules {rule_files().revision[:12]}, {megabytes:g} MB x 2 and {megabytes / _SMALLER:g}"
    )
    print(f"MB x 2, median of {turns} turns after one of drift and lint that is not counted, --workers {workers}")
    with tempfile.TemporaryDirectory() as folder:
        small = measured(Path(folder), megabytes / _SMALLER, turns, workers, warming=True)
        large = measured(Path(folder), megabytes, turns, workers, warming=False)
    print(f"load after {os.getloadavg()[0]:.1f}")
    apart = 2 * megabytes * (1 - 1 / _SMALLER)
    for index, unit in ((0, "by the clock"), (1, "on processors")):
        whole = {name: median(one[index] for one in runs) for name, runs in large.items()}
        less = {name: median(one[index] for one in runs) for name, runs in small.items()}
        by_mb = {name: (whole[name] - less[name]) / apart for name in _COMMANDS}
        print(f"\n{unit:36} {'small':>8} {'large':>8} {'ms/MB':>8}  turns of the large")
        for name in _COMMANDS:
            turned = ", ".join(f"{one[index]:.2f}" for one in large[name])
            print(f"{name:36} {less[name]:8.2f} {whole[name]:8.2f} {by_mb[name] * 1e3:8.1f}  ({turned})")
        for name, against in _RATIOS:
            gigabyte = [whole[one] + by_mb[one] * 2 * (1000 - megabytes) for one in (name, against)]
            here, without_end = whole[name] / whole[against], by_mb[name] / by_mb[against]
            print(f"{name} / {against}: {here:.2f} here, {without_end:.2f} by MB,")
            print(f"    {gigabyte[0] / gigabyte[1]:.2f} of two files of 1 GB if both go on as they are (goal 1.2)")
    print(f"\n{'most memory (PSS), MB':36} {'small':>8} {'large':>8}")
    for name in _COMMANDS:
        print(f"{name:36} {max(one.memory for one in small[name]):8.0f} {max(one.memory for one in large[name]):8.0f}")


if __name__ == "__main__":
    main()
