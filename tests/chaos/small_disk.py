"""A disk that a test can fill: a file system in memory of its own where root may mount one, else a limit on files."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

_PIECE = b"\0" * (1 << 16)


class SmallDisk:
    """A folder that can be full; `kind` says by what."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tunegate-chaos", str(folder)]
        try:
            self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            self.mounted = False

    @property
    def kind(self) -> str:
        return "a tmpfs that is filled up" if self.mounted else "RLIMIT_FSIZE on every process"

    def fill(self, processes: Iterable[psutil.Process]) -> None:
        """Not a byte more fits; without a file system of its own no file of the processes can grow."""
        if not self.mounted:
            _limit(processes, 0)
            return
        with contextlib.suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(_PIECE)
        with contextlib.suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(b"\0")

    def free(self, processes: Iterable[psutil.Process]) -> None:
        """Again there is room."""
        if self.mounted:
            (self.folder / "ballast").unlink(missing_ok=True)
        else:
            _limit(processes, resource.RLIM_INFINITY)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


def _limit(processes: Iterable[psutil.Process], size: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
