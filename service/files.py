"""Writes files that are complete or absent, with a full disk reported as such."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from service.errors import TuneGateError


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, then rename over it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            Path(name).chmod(0o644)
            os.replace(name, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> TuneGateError:
    """The problem for a failed write: disk full is something outside, all else an unusable path."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return TuneGateError(
            "disk_full", f"{path}: no space left on the device.", remedy="Free space, or name another folder."
        )
    return TuneGateError(
        "unreadable_path", f"{path}: cannot be written ({error.strerror}).", remedy="Name a writable path."
    )
