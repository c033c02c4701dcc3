"""What the gate keeps between runs in the user's own folder: plans, databases, the table of Unicode classes.

A file is named after everything that its content rests on, and begins with a digest of it. One that is damaged, or
that others could have written, is not read but made anew; a folder that cannot be written keeps nothing, silently.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from service.errors import TuneGateError
from service.files import write_atomically
from service.privacy.unicode_classes import Disagreement, disagreements
from service.privacy.vectorscan import Database

_DIGEST_BYTES = 32
_UNUSED_SECONDS = 60 * 86400
_HALF_WRITTEN_SECONDS = 3600
_DISAGREEMENTS = msgspec.json.Decoder(tuple[Disagreement, ...])


class Kept:
    """One folder of what was computed before, or None of it."""

    def __init__(self, folder: Path | None, key: str, classes_key: str) -> None:
        """`key` stands for patterns, versions and CPU; `classes_key` for the versions of the two engines."""
        self._folder = folder if folder is not None and _own_folder(folder) else None
        self._key = key
        self._classes_key = classes_key

    def read(self, name: str) -> bytes | None:
        """The content that was kept under a name, whole, or None."""
        return self._read(f"{self._key}.{name}")

    def keep(self, name: str, content: bytes) -> None:
        self._keep(f"{self._key}.{name}", content)

    @property
    def keeps(self) -> bool:
        """Whether there is a folder at all: else every run makes its own."""
        return self._folder is not None

    def forget(self) -> None:
        """Remove what was kept under the key."""
        if self._folder is not None:
            for path in self._folder.glob(f"{self._key}.*"):
                with contextlib.suppress(OSError):
                    path.unlink()

    def database(self, name: str, make: Callable[[], Database]) -> Database | None:
        """The kept database, or a new one that is kept; None while another process makes it."""
        kept = self._kept_database(name)
        if kept is not None:
            return kept
        with self._alone(name) as alone:
            kept = self._kept_database(name)  # another process may just have finished
            if kept is not None or not alone:
                return kept
            made = make()
            self.keep(name, made.to_bytes())
            return made

    def _kept_database(self, name: str) -> Database | None:
        """The database that was kept under a name, if it is one of this library and CPU."""
        import hyperscan

        content = self.read(name)
        if content is not None:
            with contextlib.suppress(hyperscan.error):
                return Database.from_bytes(content)
        return None

    def disagreements(self) -> tuple[Disagreement, ...]:
        """Where the two engines' classes differ, kept or asked."""
        import hyperscan

        name = f"{self._classes_key}.classes"
        content = self._read(name)
        if content is not None:
            with contextlib.suppress(msgspec.DecodeError):
                return _DISAGREEMENTS.decode(content)
        made = disagreements(hyperscan)
        self._keep(name, msgspec.json.encode(made))
        return made

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        """Whether this process may make what is missing; another that already does so is not copied."""
        if self._folder is None:
            yield True
            return
        try:
            descriptor = os.open(
                self._folder / f"{self._key}.{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError:
            yield True
            return
        try:
            yield _locked(descriptor)
        finally:
            os.close(descriptor)  # which gives the lock back, as the end of a killed process does

    def _read(self, name: str) -> bytes | None:
        if self._folder is None:
            return None
        path = self._folder / name
        try:
            if not _own(path.lstat()):
                return None
            content = path.read_bytes()
        except OSError:
            return None
        digest, rest = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != hashlib.sha256(rest).digest():
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # it is used
        return rest

    def _keep(self, name: str, content: bytes) -> None:
        if self._folder is None:
            return
        with contextlib.suppress(TuneGateError, OSError):
            write_atomically(self._folder / name, hashlib.sha256(content).digest() + content)
            self._sweep()

    def _sweep(self) -> None:
        """Files of versions that nobody runs any more, and what killed processes left."""
        assert self._folder is not None
        now = time.time()
        for path in self._folder.iterdir():
            allowed = _HALF_WRITTEN_SECONDS if path.name.startswith(".") else _UNUSED_SECONDS
            with contextlib.suppress(OSError):
                if now - path.lstat().st_mtime > allowed:
                    path.unlink()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _own_folder(folder: Path) -> bool:
    """Made for this user alone; a folder of somebody else is not trusted, since a database is loaded unchecked."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return False
        if stat.S_IMODE(status.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError:
        return False
    return True


def _own(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
