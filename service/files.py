"""Writes files that are complete or absent, with a full disk reported as such; says how deep JSON may be."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from service.errors import TuneGateError
from service.leftovers import PREFIX, hold

_STDOUT = 1


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, then rename over it."""
    with writing(path) as handle:
        handle.write(content)


def is_left_of(path: Path, name: str) -> bool:
    """Whether a file is what somebody who was killed while writing one of that name left beside it."""
    return path.name.startswith(_beside(name))


def _beside(name: str) -> str:
    return f".{name}."


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file beside the target that takes its place when the block ends well, and is gone when it does not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_beside(path.name))
    except OSError as error:
        raise write_error(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)  # noqa: PTH105
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        if isinstance(error, OSError):
            raise write_error(path, error) from error
        raise


@contextlib.contextmanager
def writing_output(path: Path) -> Iterator[BinaryIO]:
    """As `writing`, for a path that a person named: a pipe or a device is written to, and a link is followed.

    What is no regular file must never be replaced by one: it may be the machine's, as /dev/null is.
    """
    descriptor = None
    try:
        descriptor = _opened(path)
        if descriptor is not None:
            with os.fdopen(descriptor, "wb") as handle:
                yield handle
    except OSError as error:
        raise write_error(path, error) from error
    if descriptor is None:
        with writing(Path(os.path.realpath(path))) as handle:
            yield handle


def _opened(path: Path) -> int | None:
    """A descriptor for what is to be written as it stands; None for a file, which is replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        # `> FILE` beside --output /dev/stdout: what the shell opened is the file, and may have content already
        if os.path.samestat(found, os.fstat(_STDOUT)):
            sys.stdout.flush()
            return os.dup(_STDOUT)
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return None
    return os.open(path, os.O_WRONLY)


class Staging:
    """New files that appear together when all of them are complete, or not at all.

    Each is written to a temporary file beside its place: hidden, so that a killed process leaves no half of it, and
    removed by the next one that writes into the folder.
    """

    def __init__(self) -> None:
        self._places: dict[Path, Path] = {}
        self._modes: dict[Path, int] = {}
        self._folders: list[Path] = []
        self._held: dict[Path, int | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Removes whatever was not put in place."""
        for temporary in self._places.values():
            with contextlib.suppress(OSError):
                temporary.unlink()
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):
                folder.rmdir()
        for descriptor in self._held.values():
            if descriptor is not None:
                os.close(descriptor)

    @contextlib.contextmanager
    def open(self, path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
        """Write what `path` will hold; until it is in place, only this user can read it.

        Raises:
            TuneGateError: `disk_full`, or `unreadable_path` when it cannot be written.
        """
        try:
            self._make(path.parent)
            if path.parent not in self._held:
                self._held[path.parent] = hold(path.parent)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=f".{path.name}")
            self._places[path], self._modes[path] = Path(name), mode
            with os.fdopen(descriptor, "wb") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise write_error(path, error) from error

    def temporary(self, path: Path) -> Path:
        """Where it stands until it is put in place."""
        return self._places[path]

    def put_in_place(self) -> None:
        """All of them, in the order in which they were opened.

        Raises:
            TuneGateError: `output_exists` when somebody else made one meanwhile.
        """
        for path in self._places:
            if os.path.lexists(path):
                raise _made_meanwhile(path)
        placed: list[Path] = []
        for path, temporary in self._places.items():
            try:
                temporary.chmod(self._modes[path])
                _place(temporary, path)
                placed.append(path)
            except BaseException as error:
                for one in placed:
                    one.unlink()
                if isinstance(error, FileExistsError):
                    raise _made_meanwhile(path) from error
                raise (write_error(path, error) if isinstance(error, OSError) else error) from error
        self._places.clear()
        self._folders.clear()

    def _make(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._folders += reversed(missing)


def _place(temporary: Path, path: Path) -> None:
    """Give a file its name, unless something has it already; where there are no links nobody can be sure."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        os.replace(temporary, path)  # noqa: PTH105
    else:
        temporary.unlink()


def _made_meanwhile(path: Path) -> TuneGateError:
    return TuneGateError("output_exists", f"{path} was made meanwhile.", remedy="Name another output.")


def write_error(path: Path, error: OSError) -> TuneGateError:
    """The problem for a failed write: disk full is something outside, all else an unusable path."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return TuneGateError(
            "disk_full", f"{path}: no space left on the device.", remedy="Free space, or name another folder."
        )
    return TuneGateError(
        "unreadable_path", f"{path}: cannot be written ({error.strerror}).", remedy="Name a writable path."
    )
