"""Writes the rows of a stranger's Parquet file as lines, in a process of its own, which it first limits.

Arguments: the file, what it is called, and the most bytes of lines. stdout: the lines; the exit code says how it went.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import msgspec

from service.errors import TuneGateError

PROBLEM, TOO_LARGE, MEMORY = 64, 65, 66
# 457 MB of chat rows in one row group need 2 s of CPU and 560 MB, Python and pyarrow included (2026-11-21)
_MEMORY_BYTES = 2 << 30
_CPU_SECONDS = 120


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with the file, on stderr where the exit code is `PROBLEM`."""

    code: str
    detail: str
    remedy: str


def limit() -> None:
    """CPU time and memory of this process, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_CPU: _CPU_SECONDS, resource.RLIMIT_AS: _MEMORY_BYTES, resource.RLIMIT_CORE: 0}
    for which, most in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))


def written(path: Path, shown_as: str, most: int) -> int:
    """Write the lines; the exit code."""
    from service.lint.parquet_lines import parquet_lines

    left = most
    try:
        with parquet_lines(path, shown_as) as lines:
            while block := lines.read():
                left -= len(block)
                if left < 0:
                    return TOO_LARGE
                sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
    except MemoryError:
        return MEMORY
    except TuneGateError as error:
        if isinstance(error.__cause__, MemoryError):
            return MEMORY
        sys.stderr.buffer.write(msgspec.json.encode(Problem(error.code, error.detail, error.remedy)))
        return PROBLEM
    return 0


def main() -> int:
    """Answer the one request in the arguments."""
    limit()
    path, shown_as, most = sys.argv[1:]
    return written(Path(path), shown_as, int(most))


if __name__ == "__main__":
    sys.exit(main())
