"""Peak memory of the service while a large dataset is uploaded, linted and stored; and that a cut leaves nothing.

Run: python benchmarks/upload_memory.py [GB] (default 3; twice that is needed on the disk of the temporary folder).
The peak is VmHWM of the service's process (Linux), the goal 150 MB. No personal data is looked for: its patterns take
a fixed amount of memory of their own, which /health/ready can wait for. The rows are those of lint_memory.py.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from lint_memory import MB, paragraphs, write

GOAL_MB = 150
CHUNK_BYTES = 1 << 20
VARIABLES = {
    "TUNEGATE_MAX_BODY_BYTES": str(10**11), "TUNEGATE_BODY_IDLE_SECONDS": "600", "TUNEGATE_PRIVACY": "off",
}  # fmt: skip


def started(home: Path) -> tuple[subprocess.Popen[str], str]:
    """A service over a data folder, and its address."""
    settings = home / "privacy.toml"
    settings.write_text('[privacy]\nmode = "off"\n')
    environment = os.environ | VARIABLES | {"TUNEGATE_HOME": str(home), "TUNEGATE_PRIVACY_SETTINGS": str(settings)}
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    with (home / "service.log").open("ab") as log:
        service = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    assert service.stdout is not None
    line = service.stdout.readline()
    return service, line[line.index("http://") :].strip()


def peak_mb(pid: int) -> float:
    """The most memory that a process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024 / MB


def chunks(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def cut(url: str, path: Path) -> None:
    """Send half of a file and hang up."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    size = path.stat().st_size
    with socket.create_connection((host, int(port))) as line:
        head = f"POST /v1/datasets?target=local&privacy=off HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
        line.sendall(head.encode())
        sent = 0
        for piece in chunks(path):
            line.sendall(piece)
            if (sent := sent + len(piece)) > size // 2:
                return


def left(home: Path) -> list[str]:
    """Files of bodies and datasets."""
    folders = (home / "uploads", home / "storage")
    return [str(one.relative_to(home)) for folder in folders for one in folder.rglob("*") if one.is_file()]


def main() -> None:
    """Print peaks, and what is left of an upload that was cut off."""
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory() as folder:
        home, path = Path(folder) / "home", Path(folder) / "corpus.jsonl"
        home.mkdir()
        lines = write(path, gigabytes * 1000, paragraphs())
        service, url = started(home)
        try:
            print(f"upload memory: Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
            size = path.stat().st_size / MB
            print(f"load of the machine before: {os.getloadavg()[0]:.1f}; {size:,.0f} MB, {lines:,} rows")
            httpx.get(f"{url}/v1/hardware", trust_env=False).raise_for_status()
            before = peak_mb(service.pid)
            cut(url, path)
            deadline = time.monotonic() + 120
            while left(home) and time.monotonic() < deadline:
                time.sleep(0.2)
            print(f"cut off half-way: {left(home) or 'nothing'} left, peak {peak_mb(service.pid):.0f} MB")
            clock = time.monotonic()
            query = {"target": "local", "privacy": "off"}
            answer = httpx.post(f"{url}/v1/datasets", params=query, content=chunks(path), timeout=None, trust_env=False)
            seconds = time.monotonic() - clock
            answer.raise_for_status()
            assert answer.json()["bytes"] == path.stat().st_size
            peak = peak_mb(service.pid)
            print(f"peak {peak:.0f} MB (before any upload {before:.0f} MB; goal: below {GOAL_MB} MB), {seconds:.0f} s")
            print(f"stored once: {min(left(home)).split('/')[0]}, {len(left(home))} file")
        finally:
            service.terminate()
            service.wait(60)


if __name__ == "__main__":
    main()
