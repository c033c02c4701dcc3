"""What stands beside files that are made of a synthesis' rows: it appears with them, or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from service.errors import ErrorItem, TuneGateError
from service.files import Staging, write_error
from service.leftovers import PREFIX
from service.verbs.synthesizing.derived import Derived
from service.verbs.synthesizing.files import provenance_path, read_records, record_path


def require_room_beside(made: Iterable[Derived]) -> None:
    """Refuse where something stands already that would be written beside the files.

    What may be left of the same command, which was killed before its file appeared, is looked at when all is written.

    Raises:
        TuneGateError: `output_exists`, all of it at once.
    """
    _refuse([place for one in made if one.awaited and not _may_be_left(one) for place in _pair(one.out)])


class Beside:
    """Records and origins of made files: `put` is called when the files are complete and before they are in place.

    Where the block then fails, everything is as it was. With `force` what stands there is written over, and what was
    said of a file that is replaced goes with it.
    """

    def __init__(self, made: Iterable[Derived], *, force: bool = False) -> None:
        self._made, self._force = list(made), force
        self._replaced = [one.out for one in self._made if force and one.placed and one.out.exists()]
        self._staging = Staging()
        self._written: list[Path] = []
        self._aside: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        return self

    def put(self) -> None:
        """Write them.

        Raises:
            TuneGateError: `output_exists`, `disk_full`, `unreadable_path`.
        """
        contents = {path: content for one in self._made for path, content in _wanting(one)}
        if not self._force:
            _refuse(contents)
        for path, content in contents.items():
            with self._staging.open(path) as handle:
                handle.write(content)
        for path in contents:
            if os.path.lexists(path):
                self._set_aside(path)
        self._staging.put_in_place()
        self._written = list(contents)

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        with self._staging:
            if kind is not None:
                _remove(self._written)
                for path, kept in self._aside.items():
                    with contextlib.suppress(OSError):
                        os.replace(kept, path)  # noqa: PTH105
                return
            _remove(self._aside.values())
            for out in self._replaced:
                if record_path(out) not in self._written and read_records(record_path(out)) is not None:
                    _remove(_pair(out))

    def _set_aside(self, path: Path) -> None:
        try:
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=f".{path.name}")
            os.close(descriptor)
            os.replace(path, name)  # noqa: PTH105
        except OSError as error:
            raise write_error(path, error) from error
        self._aside[path] = Path(name)


def put_in_place(staging: Staging, made: Iterable[Derived]) -> None:
    """The staged files, and before them what stands beside them, so that no file is ever without it.

    Raises:
        TuneGateError: `output_exists`, `disk_full`, `unreadable_path`.
    """
    with Beside(made) as beside:
        beside.put()
        staging.put_in_place()


def _pair(out: Path) -> tuple[Path, Path]:
    return record_path(out), provenance_path(out)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _wanting(one: Derived) -> Iterator[tuple[Path, bytes]]:
    """What is to be written; a killed command may have left the very same, or a part of it, without its file."""
    contents = one.contents()
    same = {path for path, content in contents.items() if _is(path, content)}
    left = not one.out.exists() and all(path in same or not os.path.lexists(path) for path in contents)
    for path, content in contents.items():
        if not (left and path in same):
            yield path, content


def _may_be_left(one: Derived) -> bool:
    """Whether a pair without its file names only syntheses of the input; that of a renamed file of others stays."""
    records = read_records(record_path(one.out)) if not one.out.exists() else None
    return records is not None and all(one.knows(record.id) for record in records)


def _is(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _refuse(places: Iterable[Path]) -> None:
    taken = [ErrorItem(str(one), "it exists", "a new file") for one in places if os.path.lexists(one)]
    if taken:
        raise TuneGateError(
            "output_exists",
            "A synthesis wrote rows of the input, and what is said of them cannot be written beside the output.",
            remedy="Name another output.",
            errors=taken,
        )
