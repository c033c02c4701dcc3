"""What was measured before, beside the answers: the same rows and answers are not measured again for another goal.

A file is named by a hash over everything that it rests on: rows with their checks, answers, the measures, and the
rules, code and libraries that measure. One that breaks off or was changed is measured again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import msgspec

from service.evaluate.kept_record import code_revision
from service.files import write_atomically
from service.records.identity import digest

T = TypeVar("T")
FOLDER = ".measured"
_SUM_BYTES = hashlib.sha256().digest_size
_LIBRARIES = ("jsonschema", "numpy", "regex", "rouge-score", "sacrebleu", "scipy")


class KeptMeasures:
    """The files of one evaluation's folder; without a folder everything is measured."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = None if folder is None else folder / FOLDER
        self._used: set[str] = set()

    def of(self, key: str, type_: type[T], measure: Callable[[], T]) -> T:
        """What was kept under a key, or what is measured now, and kept.

        Raises:
            TuneGateError: `disk_full`, `unreadable_path`.
        """
        if self._folder is None:
            return measure()
        path = self._folder / key
        self._used.add(key)
        found = _read(path, key, type_)
        if found is None:
            found = measure()
            content = msgspec.msgpack.encode(found)
            write_atomically(path, _sum(key, content) + content)
        return found

    def forget_others(self) -> None:
        """Remove what this evaluation did not use, so that the folder does not grow with every change."""
        if self._folder is None or not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.name not in self._used:
                path.unlink(missing_ok=True)


def kept_files(folder: Path, type_: type[T]) -> Iterator[T]:
    """What of this type the folder of an evaluation holds, the newest first; damaged files are passed over."""
    try:
        paths = sorted((folder / FOLDER).iterdir(), key=lambda one: -one.stat().st_mtime)
    except OSError:
        return
    for path in paths:
        found = _read(path, path.name, type_)
        if found is not None:
            yield found


def key_of(*rests_on: object) -> str:
    """A name for what is measured from all of this."""
    return digest([_measuring(), *rests_on])


@lru_cache(maxsize=1)
def _measuring() -> list[str]:
    """What a score rests on beside its row and answer."""
    return [*code_revision(), *(f"{name} {version(name)}" for name in _LIBRARIES)]


def _read(path: Path, key: str, type_: type[T]) -> T | None:
    try:
        whole = path.read_bytes()
        content = whole[_SUM_BYTES:]
        return msgspec.msgpack.decode(content, type=type_) if whole[:_SUM_BYTES] == _sum(key, content) else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _sum(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()
