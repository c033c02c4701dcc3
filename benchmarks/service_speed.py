"""The service against the command line, and against itself under load; every ratio is measured in one run.

Run: python benchmarks/service_speed.py [cpu] [latency] [start] [crowd] [idle] [followers]   (all without a name)

`cpu` is the CPU of a lint over HTTP (the service and all its processes) over that of `tunegate lint` on the same file;
what both need to begin with is taken out by two sizes of file. `latency` is the p99 of small requests while a file of
1 GB is linted, over that of the idle service. `start` is the time from a launch to the trainer's process, `crowd` what
200 small lints at once meet beside 50 followers of a job that trains; `idle` (SQLite and Postgres) and `followers` are
the CPU that a service takes when nobody asks anything, and when 300 follow one job.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from _service import Service, at, conditions, get, lint, store, timed, write_rows
from _service_crowd import of_crowd, of_start
from _service_idle import of_followers, of_idle
from lint_speed import corpus

REPEATS, CPU_REPEATS = 2, 5
SIZES_MB = (20, 120)
LARGE_MB = 1000
IDLE_REQUESTS = 500
SMALL_ROWS = 12


def of_cpu(folder: Path) -> None:
    """CPU per MB of a lint over HTTP and on the command line."""
    files = [folder / f"{size}.jsonl" for size in SIZES_MB]
    sizes = [write_rows(file, size) for file, size in zip(files, SIZES_MB, strict=True)]
    service = Service(folder / "cpu", TUNEGATE_MAX_BODY_BYTES=str(2**31))
    service.lint(files[0])
    print("lint of the same file: CPU milliseconds per MB, and what a lint needs beside")
    ratios = []
    for _ in range(CPU_REPEATS):
        served = [_served(service, file) for file in files]
        commanded = [_commanded(file) for file in files]
        ours, theirs = _slope(sizes, served), _slope(sizes, commanded)
        ratios.append(ours[0] / theirs[0])
        print(
            f"  HTTP {ours[0]:6.2f} ms/MB + {ours[1]:5.0f} ms    tunegate lint --workers 1 {theirs[0]:6.2f} ms/MB + "
            f"{theirs[1]:5.0f} ms    ratio {ratios[-1]:.2f}"
        )
    service.stop()
    print(f"  median ratio {median(ratios):.2f} (goal: at most 1.25)")


def _served(service: Service, file: Path) -> float:
    before = service.cpu()
    status, answer = service.lint(file)
    assert status == 200, answer
    return service.cpu() - before


def _commanded(file: Path) -> float:
    before = _cpu_of_children()
    command = ["-m", "service", "lint", str(file), "--target", "trl", "--privacy", "off", "--workers", "1"]
    subprocess.run([sys.executable, *command], capture_output=True, check=False)
    return _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _slope(sizes: list[int], seconds: list[float]) -> tuple[float, float]:
    """(milliseconds per MB, milliseconds at no size)."""
    each = (seconds[1] - seconds[0]) / (sizes[1] - sizes[0])
    return each * 1e9, (seconds[0] - each * sizes[0]) * 1e3


def of_latency(folder: Path) -> None:
    """Small requests while nothing else happens, and while a large file is linted."""
    file = folder / "large.jsonl"
    write_rows(file, LARGE_MB)
    service = Service(folder / "latency", TUNEGATE_MAX_BODY_BYTES=str(2**31))
    rows = b"".join(corpus(0.2).splitlines(keepends=True)[:SMALL_ROWS])
    connection = service.connection()
    kept = store(connection, rows)
    print(f"small requests: a lint of {len(rows) / 1e3:.0f} kB and a GET of a dataset, one after another")
    for _ in range(REPEATS):
        idle: list[list[float]] = [[], []]
        for _ in range(IDLE_REQUESTS):
            _small(connection, rows, kept, idle)
        busy: list[list[float]] = [[], []]
        sending = service.sending(file)
        while sending.poll() is None:
            _small(connection, rows, kept, busy)
        assert sending.stdout is not None
        assert sending.stdout.read().strip() == "200"
        for name, before, under in zip(("lint", "GET"), idle, busy, strict=True):
            told = [f"p{share * 100:g} {at(share, under) * 1e3:7.2f} ms" for share in (0.5, 0.99, 1)]
            ratio = at(0.99, under) / at(0.99, before)
            print(
                f"  {name:4} idle p50 {at(0.5, before) * 1e3:.2f} ms p99 {at(0.99, before) * 1e3:.2f} ms; under a lint "
                f"of {LARGE_MB} MB ({len(under)} requests) {', '.join(told)}    ratio of p99 {ratio:.1f}"
            )
    service.stop()
    print("  goal: at most 5")


def _small(connection: object, rows: bytes, kept: str, times: list[list[float]]) -> None:
    with timed(times[0]):
        status, _ = lint(connection, rows)  # type: ignore[arg-type]
    assert status == 200
    with timed(times[1]):
        get(connection, f"/v1/datasets/{kept}")  # type: ignore[arg-type]


def main() -> None:
    parts = {"cpu": of_cpu, "latency": of_latency, "start": of_start, "crowd": of_crowd}
    parts |= {"idle": of_idle, "followers": of_followers}
    chosen = sys.argv[1:] or list(parts)
    print(f"python benchmarks/service_speed.py {' '.join(chosen)}\n{conditions()}\n")
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder))
        print(flush=True)


if __name__ == "__main__":
    main()
