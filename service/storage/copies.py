"""Local copies of what lies in a remote store: verified when they are made, bounded, the longest unused go first."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from service.files import write_error
from service.leftovers import PREFIX, hold
from service.records.manifest import MANIFEST
from service.storage.failures import changed, missing

# what was asked for just now is being read
RESTS_SECONDS = 900


class Verified:
    """Remembers which files were found to be what they should be; one that was touched since is looked at again."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[int, ...], str]] = {}

    def require(self, path: Path, sha256: str, place: str) -> None:
        """Check a file of this machine.

        Raises:
            TuneGateError: `storage_missing`, `storage_corrupt`.
        """
        try:
            state = _state(path)
            if self._seen.get(path) == (state, sha256):
                return
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise missing(place) from error
        if found != sha256:
            raise changed(place)
        self._seen[path] = (state, sha256)

    def forget(self, path: Path) -> None:
        """Nothing is known of it any more."""
        self._seen.pop(path, None)


class Room:
    """Keeps files and folders of some folders within a bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: dict[Path, float] = {}

    def used(self, path: Path) -> None:
        """Note that a copy was asked for just now."""
        self._used[path] = time.time()

    def make(self, more: int, entries: Collection[Path], in_use: Callable[[], Collection[Path]]) -> None:
        """Remove copies, the longest unused first, until `more` bytes fit; what is in use, or was just now, stays.

        Raises:
            TuneGateError: `unreadable_path`.
        """
        sizes = {path: _bytes(path) for path in entries}
        total = sum(sizes.values()) + more
        if total <= self._most:
            return
        kept = set(in_use())
        for path in sorted(sizes, key=self._last_used):
            if total <= self._most:
                return
            if path not in kept and self._last_used(path) < time.time() - RESTS_SECONDS:
                removed(path)
                self._used.pop(path, None)
                total -= sizes[path]

    def _last_used(self, path: Path) -> float:
        try:
            return max(self._used.get(path, 0.0), path.stat().st_mtime)
        except FileNotFoundError:
            return 0.0


def fetched(pieces: Iterable[bytes], target: Path, sha256: str, place: str) -> None:
    """Write pieces beside their place and let the file appear there once all of it is what it should be.

    Raises:
        TuneGateError: `storage_corrupt`, `disk_full`, and what the pieces raise.
    """
    digest = hashlib.sha256()
    held = None
    temporary = target.with_name(f"{PREFIX}{os.urandom(4).hex()}.{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        held = hold(target.parent)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise changed(place)
        os.replace(temporary, target)  # noqa: PTH105
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def removed(path: Path) -> None:
    """A file or folder, gone; of a run folder the manifest goes first, so that half of one is never taken for all.

    Raises:
        TuneGateError: `unreadable_path`.
    """
    try:
        if path.is_dir():
            (path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_error(path, error) from error


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
