"""One `tunegate serve` over a data folder, as a real process on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx


def quiet(home: Path) -> dict[str, str]:
    """Settings of a service that looks for no personal data by itself: to prepare that takes seconds of a core."""
    file = home / "quiet.toml"
    file.write_text('[privacy]\nmode = "off"\n')
    return {"TUNEGATE_PRIVACY_SETTINGS": str(file)}


class Served:
    """Runs, and says where, once it is made; its output goes to `log`."""

    # whether it looks for personal data where a request does not say
    scans = False

    flags: tuple[str, ...] = ()
    # what is run by Python: the command line, or a file that is given its options
    program: tuple[str, ...] = ("-m", "service", "serve")

    def __init__(self, home: Path, *flags: str, **settings: str) -> None:
        self.home = home
        self.log = home / "service.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TUNEGATE_", "OTEL_"))}
        ours = {"TUNEGATE_HOME": str(home)} | ({} if self.scans else quiet(home))
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, "--port", "0", *self.flags, *flags],
                env=environment | ours | settings,
                stdout=subprocess.PIPE, stderr=sink, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.url = line[line.index("http://") :].strip()
        self.http = httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def stop(self) -> None:
        """End it in order."""
        self.http.close()
        self.process.terminate()
        assert self.process.wait(60) == 0
