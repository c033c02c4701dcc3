"""A Postgres server of its own, from the programs that are on this machine, if they are."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_KEPT = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
PROGRAMS = _KEPT[-1].parent if _KEPT else Path()
FOUND = bool(_KEPT)


class Postgres:
    """A server in a temporary folder; root may not run one, so another user does."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tunegate-postgres-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "postgres", "group": "postgres"}
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", self.folder / "data", "-U", "tunegate", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.start()

    def start(self) -> None:
        data, log = self.folder / "data", self.folder / "log"
        self._run("pg_ctl", "-D", data, "-w", "-t", "120", "-l", log, "-o", self._options, "start")

    def restart(self) -> None:
        """As after a crash: every connection is cut, and the log is replayed."""
        self.stop()
        self.start()

    def create(self, name: str) -> None:
        """A new, empty database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tunegate", name)

    def address(self, name: str, driver: str = "") -> str:
        return f"postgresql{driver}://tunegate@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "-t", "120", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        # what it starts must not hold a pipe of ours open
        with (self.folder.parent / f"{self.folder.name}.out").open("ab") as sink:
            command = [str(PROGRAMS / program), *map(str, arguments)]
            subprocess.run(command, cwd=self.folder, check=True, stdout=sink, stderr=sink, **self._as)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """One that is gone at the end, with its folder."""
    running = Postgres()
    yield running
    running.stop()
    shutil.rmtree(running.folder)
    (running.folder.parent / f"{running.folder.name}.out").unlink()
