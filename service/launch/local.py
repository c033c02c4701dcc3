"""Runs `python -m trainers.train` on this machine: start detached, find again, follow, stop the whole tree."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from service.errors import TuneGateError
from service.files import write_atomically
from trainers.contract import Progress, Result

WORK = ".work"  # host-only files of a run; never part of the artifact
# the two doors of the trainers package
TRAIN, EXPORT = "trainers.train", "trainers.export"
_STARTED = "trainer-process.json"
# the trainer says there itself who it is: a service may be killed between starting it and noting it
_HELD = "lock"
_POLL_SECONDS = 0.1


class TrainerProcess(msgspec.Struct, frozen=True):
    """A pid alone may be reused; with its start time it names one process."""

    pid: int
    start_time: int


def work_plan(out: Path) -> Path:
    """The plan with this host's paths filled in, as the trainer reads it."""
    return out / WORK / "plan.json"


def start_trainer(out: Path, entry: str = TRAIN, *, ends_with_us: bool = False) -> subprocess.Popen[bytes]:
    """Start the trainer in a session of its own, so that it outlives the service; its output goes to a file.

    As every child of ours it is started with -P: a json.py or torch.py in the current folder is no module of it.

    With `ends_with_us` it stops, with a checkpoint, when this process dies (Linux).
    """
    environment = os.environ | ({"TUNEGATE_STOP_WITH_PID": str(os.getpid())} if ends_with_us else {})
    log = out / WORK / "trainer.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", entry, str(work_plan(out)), str(out)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                env=environment,
            )
    except OSError as error:
        raise TuneGateError("environment", f"The trainer cannot be started ({error.strerror}).") from error
    record = TrainerProcess(process.pid, _start_time(process.pid) or 0)
    write_atomically(out / WORK / _STARTED, msgspec.json.encode(record))
    return process


def was_started(out: Path) -> bool:
    """Whether a trainer was ever started in this run folder."""
    return (out / WORK / _STARTED).exists() or trainer_alive(out)


def trainer_alive(out: Path) -> bool:
    """Whether a process that was started for this run folder still runs."""
    return _recorded(out) is not None


def stop_trainer(out: Path, *, grace_seconds: float) -> None:
    """SIGTERM to the trainer, then SIGKILL to every process of its tree that is left after the grace."""
    import psutil

    recorded = _recorded(out)
    if recorded is None:
        return
    try:
        root = psutil.Process(recorded.pid)
        tree = {root, *root.children(recursive=True)}
    except psutil.NoSuchProcess:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(recorded.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    try:
        while trainer_alive(out) and time.monotonic() < deadline:
            with contextlib.suppress(psutil.NoSuchProcess):
                # workers come and go between phases; a root that has just died has no children left to name
                tree |= set(root.children(recursive=True))
            time.sleep(_POLL_SECONDS)
    finally:  # also when a second Ctrl-C ends the wait: nothing may be left running
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(tree, timeout=5)


def read_progress(out: Path, *, after: int) -> list[Progress]:
    """Complete progress records numbered above `after`; a line still being written is left for later."""
    try:
        text = (out / "progress.jsonl").read_bytes()
    except FileNotFoundError:
        return []
    records = []
    for line in text.splitlines(keepends=True)[max(0, after) :]:
        if not line.endswith(b"\n"):
            break
        record = msgspec.json.decode(line, type=Progress)
        if record.n > after:
            records.append(record)
    return records


def read_result(out: Path) -> Result | None:
    """The trainer's result file, or None: it is the only proof that a run ended as it should."""
    try:
        return msgspec.json.decode((out / "result.json").read_bytes(), type=Result)
    except FileNotFoundError:
        return None


def end_of_log(out: Path, *, lines: int = 5) -> str:
    """The last lines that the trainer wrote to its log."""
    try:
        return "\n".join((out / WORK / "trainer.log").read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _recorded(out: Path) -> TrainerProcess | None:
    """The living trainer of a run folder: the one that holds it, else the one that was started and may hold it soon."""
    for name in (_HELD, _STARTED):
        try:
            record = msgspec.json.decode((out / WORK / name).read_bytes(), type=TrainerProcess)
        except (OSError, msgspec.DecodeError):
            continue
        if _start_time(record.pid) == record.start_time:
            return record
    return None


def _start_time(pid: int) -> int | None:
    """Start time of a live process in clock ticks since boot (field 22 of /proc/PID/stat); None if dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _start_time_elsewhere(pid)
    fields = stat.rsplit(")", 1)[1].split()  # the name before the last ")" may hold spaces
    return None if fields[0] in "ZX" else int(fields[19])


def _start_time_elsewhere(pid: int) -> int | None:
    """The same where there is no /proc: milliseconds since the epoch."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 1000)
    except psutil.NoSuchProcess:
        return None
