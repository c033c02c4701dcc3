"""Temporary files that are known for ours, and the removal of those that a killed process left in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import time
from pathlib import Path

PREFIX = ".tunegate-"
_OURS = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}\..+", re.DOTALL)
_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.02


def hold(folder: Path) -> int | None:
    """Say that this process writes into a folder, until the descriptor is closed or the process ends, however it ends.

    Every writer shares a lock on the folder itself. Who can have it alone is the only one, so that every temporary file
    of this user belongs to nobody, and goes. None where the folder cannot be locked: then nothing is removed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None  # who may not read a folder may still write into it
    if _locked(descriptor, fcntl.LOCK_EX):
        _remove_leftovers(folder)
    # only while another one removes what is left must one wait
    end = time.monotonic() + _PATIENCE_SECONDS
    while not _locked(descriptor, fcntl.LOCK_SH) and time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)
    return descriptor


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_leftovers(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for path in [one for one in folder.iterdir() if _OURS.fullmatch(one.name)]:
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                path.unlink()
