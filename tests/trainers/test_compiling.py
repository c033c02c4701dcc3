"""Operators are compiled by one process at a time, and one that was killed over it holds up nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# loads a library through torch, and says when it has looked and has to wait
LOADS = """
import sys, time
from trainers.sharding.compiling import compile_in_turn
compile_in_turn()
really = time.sleep
time.sleep = lambda seconds: (print("waits", flush=True), really(seconds))
from torch.utils.cpp_extension import load
print("begins", flush=True)
load("tiny", [sys.argv[1]], is_python_module=False)
import torch, ctypes
print(ctypes.CDLL(sys.argv[2]).answer(), flush=True)
"""
# what a program does that knows only torch's own baton
HOLDS = """
import sys, time
from torch.utils.file_baton import FileBaton
assert FileBaton(sys.argv[1]).try_acquire()
print("holds", flush=True)
time.sleep(600)
"""
TAKES_TURNS = """
import sys
from trainers.sharding.compiling import Turn
for _ in range(20):
    turn = Turn(sys.argv[1], wait_seconds=0.001)
    assert turn.try_acquire()
    for word in ("in", "out"):
        with open(sys.argv[2], "a") as log:
            log.write(word + chr(10))
    turn.release()
"""
Starts = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where torch would compile the extension `tiny`."""
    (tmp_path / "tiny.cpp").write_text('extern "C" int answer() { return 42; }\n')
    place = tmp_path / "extensions" / "tiny"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def starts(folder: Path) -> Iterator[Starts]:
    """Starts a script in a session of its own; all that is left of it ends with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object, **also: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"TORCH_EXTENSIONS_DIR": str(folder.parent), "PATH": path, **also}
        command = [sys.executable, "-c", script, *map(str, arguments)]
        begun.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
        )
        return begun[-1]

    yield start
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def last_of(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return printed.splitlines()[-1]


def test_the_file_of_a_dead_one_holds_up_nobody(folder: Path, starts: Starts) -> None:
    (folder / "lock").touch()
    assert last_of(starts(LOADS, folder.parents[1] / "tiny.cpp", folder / "tiny.so")) == "42"
    assert not (folder / "lock").exists()


def test_one_that_lives_is_waited_for_until_it_is_killed(folder: Path, starts: Starts) -> None:
    holder = starts(HOLDS, folder / "lock")
    assert said(holder) == "holds"
    loader = starts(LOADS, folder.parents[1] / "tiny.cpp", folder / "tiny.so")
    assert [said(loader), said(loader)] == ["begins", "waits"]
    assert not (folder / "tiny.so").exists()
    holder.kill()
    assert last_of(loader) == "42"
    assert not (folder / "lock").exists()


def test_a_build_that_outlives_its_killed_starter_is_waited_for(folder: Path, starts: Starts, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    compiler = tmp_path / "c++"
    compiler.write_text(f'#!/bin/sh\nif [ -p {gate} ]; then cat {gate}; fi\nexec {shutil.which("c++")} "$@"\n')
    compiler.chmod(0o755)
    held_up = {"CXX": str(compiler), "TORCH_DONT_CHECK_COMPILER_ABI": "1"}
    first = starts(LOADS, tmp_path / "tiny.cpp", folder / "tiny.so", **held_up)
    opened = gate.open("w")  # returns once the compiler waits at the other end
    first.kill()
    first.wait()
    assert (folder / "lock").exists()
    second = starts(LOADS, tmp_path / "tiny.cpp", folder / "tiny.so", **held_up)
    assert [said(second), said(second)] == ["begins", "waits"]
    gate.unlink()
    opened.close()
    assert last_of(second) == "42"
    assert not (folder / "lock").exists()


def test_several_at_once_take_turns(folder: Path, starts: Starts, tmp_path: Path) -> None:
    (folder / "lock").touch()
    log = tmp_path / "log"
    several = [starts(TAKES_TURNS, folder / "lock", log) for _ in range(3)]
    assert [process.wait(120) for process in several] == [0, 0, 0]
    assert log.read_text().split() == ["in", "out"] * 60


def test_a_sharded_run_gets_past_the_file_of_a_dead_one(
    make_plan: Any, folder: Path, starts: Starts, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    compiler = tmp_path / "c++"  # says that it came to that; compiling it really takes a minute
    compiler.write_text(
        f'#!/bin/sh\ncase "$*" in *"-c "*) touch {began}; exit 1;; esac\nexec {shutil.which("c++")} "$@"\n'
    )
    compiler.chmod(0o755)
    stale = folder.parent / "deepspeed_shm_comm" / "lock"
    stale.parent.mkdir()
    stale.touch()
    plan, out = make_plan(sharding="zero2", processes=2, n_epochs=1, validation=None), tmp_path / "out"
    (out / ".work").mkdir(parents=True)
    script = "import sys; from trainers.sharding.launcher import main; sys.exit(main(sys.argv[1:]))"
    process = starts(script, plan, out, CXX=str(compiler), TORCH_DONT_CHECK_COMPILER_ABI="1")
    deadline = time.monotonic() + 180
    while not began.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=300)
    assert not stale.exists()
