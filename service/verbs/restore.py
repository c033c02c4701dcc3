"""restore: a redacted dataset and its map in, what was redacted out."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.convert.source import buffered, opened
from service.errors import TuneGateError
from service.files import Staging
from service.lint.fixes.reading import packing
from service.packing import open_file, spooled
from service.privacy.redaction.map import Content, MapReader
from service.privacy.redaction.restore import EditedFile, SameFile
from service.records.conversion import ReadFile, WrittenFile
from service.records.identity import record_id
from service.records.redaction import Restoration
from service.verbs.outputs import refuse_taken
from service.verbs.redact import Measured
from service.verbs.redacting.places import shown


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The redacted file (None = the given stream), the map that was written with it, and where the result goes."""

    path: Path | None
    shown_as: str
    map: Path
    out: Path


def restore(request: RestoreRequest, *, stdin: BinaryIO | None = None) -> Restoration:
    """Put back what was taken out; the result appears when it is complete, readable by this user only.

    The file that was redacted comes back byte for byte. In one that was edited since, rows that were not touched are
    restored wherever they stand, and the record counts the others.

    Raises:
        TuneGateError: `invalid_input` for a broken map and for one of another file, `unreadable_path`,
            `output_exists`, `usage`, `disk_full`.
    """
    refuse_taken([request.out], [path for path in (request.path, request.map) if path], force=False)
    with _file(request, stdin) as path, open_file(request.map, shown(request.map)) as handle, Staging() as staging:
        found = MapReader(handle, shown(request.map))
        with opened(path, request.shown_as, None) as source:
            source.drain()
        given = Content(source.sha256, source.bytes)
        written, (count, missing) = _restored(request, path, found, staging, same=given == found.end.redacted)
        exact = Content(written.sha256, written.bytes) == found.end.original
        _refuse_strange(request, found.end.changed - count, same=given == found.end.redacted, exact=exact)
        staging.put_in_place()
    return Restoration(
        id=record_id([given.sha256, written.sha256, count]),
        input=ReadFile(request.shown_as, given.sha256, given.bytes, written.rows),
        output=written,
        map=shown(request.map),
        exact=exact,
        restored_rows=found.end.changed - count,
        missing_rows=count,
        missing=missing,
    )


@contextmanager
def _file(request: RestoreRequest, stdin: BinaryIO | None) -> Iterator[Path]:
    """The redacted file, which is read more than once."""
    if request.path is not None:
        yield request.path
        return
    if stdin is None:
        raise TuneGateError("invalid_input", "No standard input to read.")
    with spooled(stdin) as path:
        yield path


def _restored(
    request: RestoreRequest, path: Path, found: MapReader, staging: Staging, *, same: bool
) -> tuple[WrittenFile, tuple[int, list[int]]]:
    """(what was written, the rows that are missing)."""
    if same:
        return _written(request, path, staging, SameFile(found).blocks), (0, [])
    with EditedFile(found) as edited:
        with opened(path, request.shown_as, None) as source:
            edited.look(buffered(source))
        return _written(request, path, staging, edited.blocks), edited.missing()


def _written(
    request: RestoreRequest,
    path: Path,
    staging: Staging,
    blocks: Callable[[io.BufferedReader], Iterator[bytes]],
) -> WrittenFile:
    measured, rows = Measured(), 0
    with (
        opened(path, request.shown_as, None) as source,
        staging.open(request.out, 0o600) as out,
        packing(out, request.out.name) as target,
    ):
        for line in measured.passed(blocks(buffered(source))):
            target.write(line)
            rows += bool(line.removeprefix(codecs.BOM_UTF8).strip())
    return WrittenFile(shown(request.out), measured.sha256, measured.bytes, rows)


def _refuse_strange(request: RestoreRequest, restored: int, *, same: bool, exact: bool) -> None:
    if (same and exact) or (not same and restored):
        return
    raise TuneGateError(
        "invalid_input",
        f"{shown(request.map)} is not the map of {request.shown_as}: "
        + ("what it puts back is not what was redacted." if same else "no row of it is in the file."),
        remedy="Give the map that was written together with the file.",
    )
