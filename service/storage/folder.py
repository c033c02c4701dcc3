"""A store in a folder: files are linked into it where the disk is the same, so nothing is there twice."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.errors import ErrorItem, TuneGateError
from service.files import write_error
from service.leftovers import PREFIX, hold
from service.storage.backend import CHUNK_BYTES
from service.storage.failures import missing, unreachable

_PLACE = "The storage folder"


class Folder:
    """Objects as files; a key is the path below the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, key: str, path: Path) -> None:
        """Link a file into the folder, or copy it from another disk; either way it appears whole."""
        target = self._folder / key
        with _written(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            held = hold(target.parent)
            temporary = target.with_name(f"{PREFIX}{os.urandom(4).hex()}.{target.name}")
            try:
                if not linked(path, temporary):
                    _copied(path, temporary)
                os.replace(temporary, target)  # noqa: PTH105
                _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
            finally:
                # where both names are one file already, `replace` leaves the first
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                if held is not None:
                    os.close(held)

    def local(self, key: str) -> Path | None:
        """Where it lies."""
        return self._folder / key

    def has(self, key: str) -> bool:
        """Whether the file is there."""
        return (self._folder / key).is_file()

    def read(self, key: str) -> Iterator[bytes]:
        """Its bytes."""
        try:
            with (self._folder / key).open("rb") as file:
                while piece := file.read(CHUNK_BYTES):
                    yield piece
        except FileNotFoundError as error:
            raise missing(_PLACE) from error
        except OSError as error:
            raise unreachable(_PLACE) from error

    def remove(self, key: str) -> None:
        """Remove a file."""
        path = self._folder / key
        with _written(path):
            path.unlink(missing_ok=True)

    def remove_below(self, prefix: str) -> None:
        """Remove a folder."""
        path = self._folder / prefix
        with _written(path):
            if path.exists():
                shutil.rmtree(path)

    def unready(self) -> list[ErrorItem]:
        """A file is written and removed again."""
        path = self._folder / f".ready-{os.getpid()}-{threading.get_ident()}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"ready")
            path.unlink()
        except OSError as error:
            allowed, remedy = "a storage folder that can be written", "Look at TUNEGATE_STORAGE_URL."
            return [ErrorItem("storage", error.strerror, allowed, remedy)]
        return []


def linked(path: Path, target: Path) -> bool:
    """Give a file a second name, durably; False where another disk, or one without links, makes that impossible."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path)
    except OSError:
        return False
    _sync(target, os.O_RDONLY)
    return True


def _copied(path: Path, target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy, path.open("rb") as file:
        shutil.copyfileobj(file, copy, CHUNK_BYTES)
        copy.flush()
        os.fsync(copy.fileno())


def _sync(path: Path, flags: int) -> None:
    """A name is durable once its folder is."""
    with suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except TuneGateError:
        raise
    except OSError as error:
        raise write_error(path, error) from error
