"""Processes are found again by pid and start time, and stopped with everything they started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil

from service.launch.local import WORK, TrainerProcess, read_progress, stop_trainer, trainer_alive

# a process with a child in a session of its own, as torchrun's workers are
TREE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""


def record(out: Path, pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    (out / WORK).mkdir(exist_ok=True)
    content = msgspec.json.encode(TrainerProcess(pid, int(stat[19])))
    (out / WORK / "trainer-process.json").write_bytes(content)


def test_the_whole_tree_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    record(tmp_path, process.pid)
    assert trainer_alive(tmp_path)
    stop_trainer(tmp_path, grace_seconds=2)
    process.wait(60)
    assert not trainer_alive(tmp_path)
    deadline = time.monotonic() + 60
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reused_pid_is_another_process(tmp_path: Path) -> None:
    (tmp_path / WORK).mkdir()
    stranger = msgspec.json.encode(TrainerProcess(os.getpid(), 1))
    (tmp_path / WORK / "trainer-process.json").write_bytes(stranger)
    assert not trainer_alive(tmp_path)
    stop_trainer(tmp_path, grace_seconds=0)  # and we are still here


def test_a_half_written_progress_line_is_left_for_later(tmp_path: Path) -> None:
    line = b'{"n":%d,"event":"log","at":"now","message":"m"}\n'
    (tmp_path / "progress.jsonl").write_bytes(line % 1 + line % 2 + (line % 3)[:-5])
    assert [one.n for one in read_progress(tmp_path, after=0)] == [1, 2]
    assert [one.n for one in read_progress(tmp_path, after=1)] == [2]
    assert read_progress(tmp_path, after=2) == []
