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
from service.storage.backend import CHUNK_BYTES, Kept
from service.storage.failures import missing, unreachable

_PLACE = "The storage folder"
_READY = ".ready-"


class Folder:
    """Objects as files; a key is the path below the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, key: str, path: Path) -> None:
        """Link a file into the folder, or copy it from another disk; either way it appears whole."""
        target = self._folder / key
        with _beside(target) as temporary:
            if not linked(path, temporary):
                _copied(path, temporary)
            os.replace(temporary, target)  # noqa: PTH105
            _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)

    def create(self, key: str, content: bytes) -> bool:
        """Its name is given as a second one, which fails where it is taken; a disk without links has no such step."""
        target = self._folder / key
        with _beside(target) as temporary:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                target.hardlink_to(temporary)
            except FileExistsError:
                return False
            except OSError:
                if target.exists():
                    return False
                os.replace(temporary, target)  # noqa: PTH105
            _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        return True

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
        """Remove a file, and what a killed process left of it."""
        path = self._folder / key
        with _written(path):
            for one in [path, *unfinished(path)]:
                one.unlink(missing_ok=True)

    def remove_below(self, prefix: str) -> None:
        """Remove a folder."""
        path = self._folder / prefix
        with _written(path):
            if path.exists():
                shutil.rmtree(path)

    def listed(self, prefix: str = "") -> Iterator[Kept]:
        """Its files; one that is linked into it is as old as its name."""
        for path in (self._folder / prefix).rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and not path.name.startswith((PREFIX, _READY)):
                    yield Kept(path.relative_to(self._folder).as_posix(), path.stat().st_ctime)

    def unready(self) -> list[ErrorItem]:
        """A file is written and removed again."""
        path = self._folder / f"{_READY}{os.getpid()}-{threading.get_ident()}"
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


def temporary_of(path: Path) -> Path:
    """A name beside a file for what is to become it."""
    return path.with_name(f"{PREFIX}{os.urandom(4).hex()}.{path.name}")


def unfinished(path: Path) -> list[Path]:
    """Such names that are there."""
    return [one for one in path.parent.glob(f"{PREFIX}*") if one.name.endswith(f".{path.name}")]


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
def _beside(target: Path) -> Iterator[Path]:
    """A name beside a file under which it is made; nothing is left there."""
    with _written(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        held = hold(target.parent)
        temporary = temporary_of(target)
        try:
            yield temporary
        finally:
            # where both names are one file already, `replace` leaves the first
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            if held is not None:
                os.close(held)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except TuneGateError:
        raise
    except OSError as error:
        raise write_error(path, error) from error
