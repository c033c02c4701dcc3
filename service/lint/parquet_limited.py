"""Has a stranger's Parquet file read by a limited process: a kilobyte of it can hold a terabyte of rows."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

import service
from service.errors import ErrorItem, TuneGateError
from service.lint.parquet_process import PROBLEM, TOO_LARGE, Problem
from service.packing import BUFFER_BYTES

# what Python needs to start and find its packages; keys and tokens of the surroundings stay here
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "HOME", "USERPROFILE", "APPDATA", "SYSTEMROOT", "LANG", "LC_ALL")
# how a reader dies of damaged data; of other signals it dies because it needs too much
_DAMAGED = {-number for name in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE") if (number := getattr(signal, name, None))}


def limited_lines(path: Path, shown_as: str, most: int, progress: Callable[[int], None] | None = None) -> BinaryIO:
    """The lines that `parquet_lines` gives, from a process with limits, which ends when the stream is closed.

    `progress` is called with 0 before every read: how far the file is read is not known here.

    Raises:
        TuneGateError: as `parquet_lines`, all while it is read; `too_large` for rows of more than `most` bytes, or that
            need more memory than the process has.
    """
    return cast("BinaryIO", _Limited(path, shown_as, most, progress))


class _Limited(io.RawIOBase):
    def __init__(self, path: Path, shown_as: str, most: int, progress: Callable[[int], None] | None) -> None:
        self._shown_as = shown_as
        self._most = most
        self._progress = progress
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stream
        root = str(Path(service.__file__).parents[1])
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.lint.parquet_process", str(path), shown_as, str(most)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said, cwd=root, env=kept,
        )  # fmt: skip

    def readable(self) -> bool:
        return True

    def read(self, size: int = BUFFER_BYTES) -> bytes:
        if self._progress is not None:
            self._progress(0)
        assert self._process.stdout is not None
        block = self._process.stdout.read(size)
        if not block and (code := self._process.wait()):
            raise self._failed(code)
        return block

    def close(self) -> None:
        if not self.closed:
            self._process.kill()
            self._process.communicate()
            self._said.close()
        super().close()

    def _failed(self, code: int) -> TuneGateError:
        if code == PROBLEM:
            self._said.seek(0)
            said = msgspec.json.decode(self._said.read(), type=Problem)
            return TuneGateError(said.code, said.detail, remedy=said.remedy)
        if code in _DAMAGED or 0 < code < PROBLEM:
            seen = f"{self._shown_as}: damaged, or no Parquet."
            return TuneGateError("unreadable_path", seen, remedy="Write the file again, and send or name all of it.")
        much = f"more than {self._most} bytes" if code == TOO_LARGE else "more than a process may hold"
        return TuneGateError(
            "too_large",
            f"{self._shown_as}: its rows are {much}.",
            remedy="Lint it with `tunegate lint` (no limit), split it, or raise TUNEGATE_MAX_BODY_BYTES.",
            errors=[ErrorItem("body", f"rows of {much}", f"at most {self._most} bytes of rows")],
        )
