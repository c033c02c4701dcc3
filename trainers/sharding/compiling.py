"""One process at a time compiles an operator of DeepSpeed, and one that was killed over it holds up nobody.

torch.utils.cpp_extension marks a folder in which it compiles with a file `lock` (torch/utils/file_baton.py). A process
that is killed leaves that file behind, and everyone after it waits for it without end.

`python -m trainers.sharding.compiling` compiles now what a run under ZeRO on this machine's CPU would at its first use.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_TURN = ".tunegate"  # stands beside torch's file; the kernel frees it when its holder dies


def compile_in_turn() -> None:
    """Have torch compile in turns that end with their process; before anything is compiled."""
    try:
        import fcntl  # noqa: F401
    except ImportError:  # Windows, where DeepSpeed compiles nothing when it is used
        return
    from torch.utils import cpp_extension

    cpp_extension.FileBaton = Turn


class Turn:
    """What torch's FileBaton is to torch: made with the path of a lock file, taken, given back.

    It keeps torch's file as well, for those that know only that one. It is always taken in the end: whoever had to wait
    builds after that, which ends at once where all is built, and builds all where the other one failed.
    """

    def __init__(self, lock_file_path: str, wait_seconds: float = 0.1, warn_after_seconds: float | None = None) -> None:
        del warn_after_seconds
        self._path = os.path.realpath(lock_file_path)
        self._wait_seconds = wait_seconds
        self._turn: int | None = None
        self._file: int | None = None

    def try_acquire(self) -> bool:
        """Wait for those before us that live; then it is ours."""
        self._turn = _turn(self._path + _TURN)
        while (file := self._made() or self._taken_over()) is None:
            time.sleep(self._wait_seconds)
        self._file = file
        return True

    def wait(self) -> None:
        """There is nobody to wait for once it is ours."""

    def release(self) -> None:
        """Let the next one build."""
        if self._file is not None:
            os.close(self._file)
        with contextlib.suppress(FileNotFoundError):  # removed by hand meanwhile
            Path(self._path).unlink()
        if self._turn is not None:
            os.close(self._turn)

    def _made(self) -> int | None:
        with contextlib.suppress(FileExistsError):
            return os.open(self._path, os.O_CREAT | os.O_EXCL)
        return None

    def _taken_over(self) -> int | None:
        """The file that a dead one left; never removed in between, since others may wait for just that."""
        if self._turn is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            before = _state(Path(self._path).stat())
            if _in_use(self._path):
                return None
            found = os.open(self._path, os.O_RDONLY)
            if _state(os.fstat(found)) == before:
                return found
            os.close(found)  # another one's, made while we looked around
        return None


def _turn(path: str) -> int | None:
    """Our turn, once nobody else has it; None where the file system has no such locks (Lustre may have none)."""
    import fcntl

    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
    except OSError:
        os.close(opened)
        return None
    return opened


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _in_use(lock: str) -> bool:
    """Whether a process of this machine has the file open, or a build that outlived its starter goes on beside it.

    This is asked with our turn taken, so that the file is a dead one's or that of a program with torch's own baton,
    which holds its file open. One of another machine or container, on a shared disk, cannot be seen.
    """
    import psutil

    folder = str(Path(lock).parent)
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        # a process that ends, or that belongs to somebody else
        with contextlib.suppress(psutil.Error, OSError):
            if any(file.path == lock for file in process.open_files()):
                return True
            if process.name().startswith("ninja") and process.cwd() == folder:
                return True
    return False


def main() -> None:
    """Compile, or find compiled, the operators of a run on a CPU: its communication, and Adam on offloaded state."""
    compile_in_turn()
    from deepspeed.accelerator import get_accelerator

    for builder in ("ShareMemCommBuilder", "CPUAdamBuilder"):
        get_accelerator().create_op_builder(builder).load(verbose=False)


if __name__ == "__main__":
    main()
