"""convert: tables and other dialects in, chat or preference JSONL out; no row is lost without a word."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from service.convert.columns import given
from service.convert.dialects import DIALECT_NAMES
from service.convert.engine import Converter, Wanted
from service.convert.reader import TABLES, Reading, read
from service.convert.shapes import SHAPES
from service.convert.source import opened
from service.errors import ErrorItem, TuneGateError, suggestion
from service.files import writing_output
from service.records.conversion import Conversion, ReadFile, WrittenFile
from service.records.identity import record_id
from service.verbs.outputs import refuse_taken
from service.verbs.synthesizing.beside import Beside, require_room_beside
from service.verbs.synthesizing.derived import Derived, Trail

TARGETS = tuple(SHAPES)
DIALECTS = (*DIALECT_NAMES, "table", *TABLES)


class ConvertRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to read and what to write. An input is (path, shown as); the path is None for the given stream.

    `columns` maps roles to columns, `delimiter` and `encoding` are those of tables (the encoding of all text).
    """

    inputs: list[tuple[Path | None, str]]
    out: Path
    to: str = "chat"
    dialect: str | None = None
    columns: dict[str, str] = {}
    system: str | None = None
    keep: list[str] = []
    encoding: str | None = None
    delimiter: str | None = None
    skip_bad: bool = False
    force: bool = False


class _Nothing(Exception):  # noqa: N818
    """Takes back what was being written."""


def convert(
    request: ConvertRequest, *, stdin: BinaryIO | None = None, tell: Callable[[str], None] = lambda _: None
) -> Conversion:
    """Convert all inputs into one file; with rows that cannot be converted nothing is written, unless `skip_bad`.

    What syntheses left beside the inputs is written anew beside the file.

    `tell` receives how a file is read (columns, encoding) before its rows are.

    Raises:
        TuneGateError: `usage`, `invalid_input`, `unreadable_path`, `output_exists`, `missing_extra`, `disk_full`.
    """
    wanted = _wanted(request)
    refuse_taken([request.out], [path for path, _ in request.inputs if path], force=request.force)
    converter, made = Converter(wanted, tell), Derived(request.out)
    trails = [made.trail(path) for path, _ in request.inputs]
    if not request.force:
        require_room_beside([made])
    files: list[ReadFile] = []
    try:
        output = _write(request, converter, files, stdin, made, trails)
    except _Nothing:
        if not converter.rows:
            raise TuneGateError("invalid_input", "There are no rows.", remedy="Name a file that holds rows.") from None
        output = None
    return _record(request, converter, files, output)


def _write(
    request: ConvertRequest,
    converter: Converter,
    files: list[ReadFile],
    stdin: BinaryIO | None,
    made: Derived,
    trails: list[Trail],
) -> WrittenFile:
    """The lines, and before their file is there what stands beside it."""
    digest, size, rows = hashlib.sha256(), 0, 0
    with Beside([made], force=request.force) as beside, writing_output(request.out) as handle:
        for (path, name), trail in zip(request.inputs, trails, strict=True):
            before = converter.rows
            with opened(path, name, stdin) as source, ExitStack() as stack:
                for line in converter.lines(read(source, path, _reading(request), stack), name):
                    if converter.bad_counts and not request.skip_bad:
                        continue  # only to find the other rows that cannot be converted
                    handle.write(line)
                    trail.wrote(converter.number, line)
                    digest.update(line)
                    size, rows = size + len(line), rows + 1
                source.drain()
            files.append(ReadFile(name, source.sha256, source.bytes, converter.rows - before))
        if not rows or (converter.bad_counts and not request.skip_bad):
            raise _Nothing
        if missing := converter.missing():
            errors = [ErrorItem("keep", key, "a key or column of the rows") for key in missing]
            raise TuneGateError("invalid_input", f"{len(missing)} key(s) to keep are in no row.", errors=errors)
        handle.flush()
        beside.put()
    return WrittenFile(str(request.out), digest.hexdigest(), size, rows)


def _wanted(request: ConvertRequest) -> Wanted:
    wrong = []
    if request.to not in TARGETS:
        wrong.append(ErrorItem("to", request.to, ", ".join(TARGETS), suggestion(request.to, TARGETS) or None))
    if request.dialect is not None and request.dialect not in DIALECTS:
        wrong.append(
            ErrorItem("from", request.dialect, ", ".join(DIALECTS), suggestion(request.dialect, DIALECTS) or None)
        )
    if request.encoding is not None and not _known(request.encoding):
        wrong.append(ErrorItem("encoding", request.encoding, "an encoding of Python's, as utf-8, cp1252, utf-16"))
    if request.delimiter is not None and len(request.delimiter) != 1:
        wrong.append(ErrorItem("delimiter", f"{len(request.delimiter)} characters", "one character, or tab"))
    if wrong:
        raise TuneGateError("usage", f"{len(wrong)} option(s) name nothing.", errors=wrong)
    return Wanted(
        to=request.to,
        dialect="table" if request.dialect in TABLES else request.dialect,
        mapping=given(request.columns),
        system=request.system,
        keep=tuple(request.keep),
    )


def _known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
        return isinstance("".encode(encoding), bytes)
    except (LookupError, TypeError):
        return False


def _reading(request: ConvertRequest) -> Reading:
    table = request.dialect if request.dialect in TABLES else None
    return Reading(request.encoding, request.delimiter, table)


def _record(
    request: ConvertRequest, converter: Converter, files: list[ReadFile], output: WrittenFile | None
) -> Conversion:
    options: dict[str, Any] = {
        "from": request.dialect,
        "columns": request.columns,
        # the text of a system message is no part of a record
        "system_sha256": hashlib.sha256(request.system.encode()).hexdigest() if request.system else None,
        "keep": request.keep,
        "encoding": request.encoding,
        "delimiter": request.delimiter,
        "skip_bad": request.skip_bad,
    }
    counts = dict(sorted(converter.bad_counts.items()))
    identity = {
        "inputs": [file.sha256 for file in files],
        "to": request.to,
        "options": options,
        "output": output.sha256 if output else None,
        "bad_counts": counts,
    }
    return Conversion(
        id=record_id(identity),
        to=request.to,
        options=options,
        inputs=files,
        output=output,
        shapes=dict(sorted(converter.shapes.items())),
        mappings=converter.mappings,
        left_out=dict(sorted(converter.left_out.items())),
        blank_rows=converter.blank_rows,
        bad_rows=sum(counts.values()),
        bad_counts=counts,
        bad=converter.bad,
    )
