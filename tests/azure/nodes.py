"""The machines of a command job: folders of their own, a mount that the others do not see into, a process per rank.

A mount is the weakest that a datastore's is: what is written there stands in the datastore soon, and in no other
machine's mount for sure (BlobFuse promises no more, has no locks between machines, and renames by copying).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# they share the cores of this one
_SHARING = {"OMP_NUM_THREADS": "1"}
_KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
# what a process that is to end may still write
_GRACE_SECONDS = 60.0
Put = Callable[[str, bytes], None]


class Node:
    """One machine: `code`, `in` and `out` below `place`, and what runs there."""

    def __init__(self, place: Path, environments: list[dict[str, str]]) -> None:
        self.place, self._environments = place, environments
        self.processes: list[subprocess.Popen[bytes]] = []
        self._synced: dict[Path, tuple[int, int]] = {}
        for name in ("code", "in", "out", "tmp"):
            (place / name).mkdir(parents=True)

    def start(self, command: str) -> None:
        """One process per rank, all in the folder of the code."""
        for given in self._environments:
            environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _SHARING | given
            with (self.place / f"log{len(self.processes)}").open("wb") as log:
                one = subprocess.Popen(
                    ["bash", "-c", command], cwd=self.place / "code",
                    env=environment | {"TMPDIR": str(self.place / "tmp")}, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            self.processes.append(one)

    def logs(self) -> Iterator[str]:
        """What each of them printed."""
        for number in range(len(self.processes)):
            yield (self.place / f"log{number}").read_text(errors="replace")

    def written(self, output: str) -> set[str]:
        """Paths of the files in the mount of an output."""
        mount = self.place / "out" / output
        return {path.relative_to(mount).as_posix() for path in mount.rglob("*") if path.is_file()}

    def sync(self, below: dict[str, str], put: Put) -> None:
        """What stands in the mounts, by the datastore's path of each output."""
        for name, there in below.items():
            mount = self.place / "out" / name
            for path in mount.rglob("*"):
                seen = (path.stat().st_mtime_ns, path.stat().st_size)
                if path.is_file() and self._synced.get(path) != seen:
                    self._synced[path] = seen
                    put(f"{there}/{path.relative_to(mount).as_posix()}", path.read_bytes())


def ended(processes: list[subprocess.Popen[bytes]]) -> int | None:
    """The code of the one that failed, 0 when all have ended well, None while they run."""
    codes = [one.poll() for one in processes]
    failed = next((code for code in codes if code), None)
    return failed if failed is not None else None if None in codes else 0


def stop(processes: list[subprocess.Popen[bytes]], *, seconds: float = 0.0) -> None:
    """Ask all that run to end, as a container is stopped; those that have not in so many seconds are killed."""
    running = [one for one in processes if one.poll() is None]
    _signal(running, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while seconds and time.monotonic() < deadline and any(one.poll() is None for one in running):
        time.sleep(0.1)
    if seconds:
        _signal([one for one in running if one.poll() is None], signal.SIGKILL)
        for one in running:
            one.wait()


def stop_for_good(processes: list[subprocess.Popen[bytes]]) -> None:
    """As Azure ends a job of which one process failed."""
    stop(processes, seconds=_GRACE_SECONDS)


def environments(job: dict[str, Any], name: str) -> list[list[dict[str, str]]]:
    """By machine and process: what Azure Machine Learning sets, and of a PyTorch distribution what it sets beside."""
    own = (job.get("environmentVariables") or {}) | {
        "AZUREML_RUN_ID": name, "AZUREML_EXPERIMENT_NAME": str(job.get("experimentName")),
        # DeepSpeed takes this one for a sign of where it is
        "AZUREML_EXPERIMENT_ID": "00000000-0000-0000-0000-000000000000",
    }  # fmt: skip
    count = int((job.get("resources") or {}).get("instanceCount") or 1)
    distribution = job.get("distribution")
    if not distribution:
        return [[own] for _ in range(count)]
    assert distribution["distributionType"] == "PyTorch"
    each = int(distribution.get("processCountPerInstance") or 1)
    # and no LOCAL_WORLD_SIZE, which is torchrun's
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(count * each)}
    return [
        [
            own | group | {"NODE_RANK": str(node), "LOCAL_RANK": str(local), "RANK": str(node * each + local)}
            for local in range(each)
        ]
        for node in range(count)
    ]  # fmt: skip


def _signal(processes: list[subprocess.Popen[bytes]], number: int) -> None:
    for one in processes:
        os.killpg(one.pid, number)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
