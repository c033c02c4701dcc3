"""redact: datasets in, copies without personal data and secrets out; the inputs stay as they are."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.convert.source import Source, buffered, opened
from service.errors import ErrorItem, TuneGateError
from service.files import Staging
from service.lint.fixes.reading import packing
from service.privacy.redaction.copy import Copier
from service.privacy.redaction.map import Content, MapWriter
from service.privacy.redaction.row import Redactor
from service.privacy.redaction.ways import way
from service.records.conversion import ReadFile, WrittenFile
from service.records.identity import record_id
from service.records.redaction import RedactedFile, Redaction
from service.verbs.redacting.options import RedactOptions, not_scanned, scan_of
from service.verbs.redacting.places import Place, check_places, places_of, shown
from service.verbs.synthesizing.beside import put_in_place, require_room_beside
from service.verbs.synthesizing.derived import Derived


class RedactRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to redact, and where the copies go: a file, or a folder for several inputs, and so the maps.

    An input is (path, shown as); the path is None for the given stream. `served` is a folder that a map must not be in.
    """

    inputs: list[tuple[Path | None, str]]
    out: Path
    map: Path | None = None
    options: RedactOptions = RedactOptions()
    served: Path | None = None


def redact(
    request: RedactRequest, *, stdin: BinaryIO | None = None, progress: Callable[[int], None] | None = None
) -> Redaction:
    """Redact all inputs; copies and maps appear when all are complete, or not at all.

    What syntheses left beside the inputs is written anew beside the copies.

    `progress` is given how many unpacked bytes were read since its last call.

    Raises:
        TuneGateError: `usage`, `output_exists`, `unreadable_path`, `disk_full`, `missing_extra`; `invalid_input` with
            every row that cannot be read.
    """
    places = places_of(request.inputs, request.out, request.map)
    check_places(places, request.out, served=request.served)
    redactor = redactor_for(request.options)
    files: list[RedactedFile] = []
    counts: Counter[str] = Counter()
    unreadable = Unreadables()
    made = [Derived(place.out) for place in places]
    trails = [one.trail(place.source) for one, place in zip(made, places, strict=True)]
    require_room_beside(made)
    with Staging() as staging:
        for place, trail in zip(places, trails, strict=True):
            copier = Copier(redactor, trail.wrote)
            with opened(place.source, place.shown_as, stdin) as source:
                files.append(_copied(place, source, copier, staging, progress))
            counts += copier.counts
            unreadable.add(place.shown_as, copier)
        unreadable.refuse()
        put_in_place(staging, made)
    return record_of(request.options, files, counts)


def redactor_for(options: RedactOptions) -> Redactor:
    """One for all files of a run.

    Raises:
        TuneGateError: `invalid_input` with every option that cannot be used, `missing_extra`.
    """
    return Redactor(scan_of(options), way(options.way))


class Unreadables:
    """Rows of all inputs whose texts cannot be told."""

    def __init__(self) -> None:
        self._errors: list[ErrorItem] = []
        self._rows = 0

    def add(self, name: str, copier: Copier) -> None:
        self._errors += [ErrorItem(f"{name}:{row.line}", row.why, "a row of JSON") for row in copier.unreadable]
        self._rows += copier.unreadable_rows

    def refuse(self) -> None:
        """Raises TuneGateError (`invalid_input`) where there are any: what nobody can read may hold anything."""
        if self._rows:
            raise TuneGateError(
                "invalid_input",
                f"{self._rows} row(s) cannot be read, so nothing was written; the first of each file are named.",
                remedy="Mend them (tunegate lint says how), or take them out, and redact again.",
                errors=self._errors,
            )


def record_of(options: RedactOptions, files: list[RedactedFile], counts: Counter[str]) -> Redaction:
    """The record of a finished run."""
    told = options.told()
    by_entity = dict(sorted(counts.items()))
    identity = {
        "files": [[file.input.sha256, file.output.sha256] for file in files],
        "options": told,
        "counts": by_entity,
    }
    return Redaction(
        id=record_id(identity),
        options=told,
        files=files,
        rows=sum(file.input.rows for file in files),
        changed_rows=sum(file.changed_rows for file in files),
        counts=by_entity,
        not_scanned=not_scanned(options),
    )


class Measured:
    """Passes blocks on, and knows their hash and size afterwards."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def passed(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._digest.update(block)
            self.bytes += len(block)
            yield block


def _copied(
    place: Place, source: Source, copier: Copier, staging: Staging, progress: Callable[[int], None] | None
) -> RedactedFile:
    written, read = Measured(), 0
    with ExitStack() as stack:
        # the map first, so that no copy is ever without the one that was asked for
        sink = stack.enter_context(staging.open(place.map, 0o600)) if place.map else None
        found = MapWriter(sink) if sink else None
        target = stack.enter_context(packing(stack.enter_context(staging.open(place.out)), place.out.name))
        for block in written.passed(copier.blocks(buffered(source), place.shown_as, found)):
            target.write(block)
            if progress:
                progress(source.bytes - read)
                read = source.bytes
        source.drain()
        if found:
            found.end(Content(source.sha256, source.bytes), Content(written.sha256, written.bytes))
    return RedactedFile(
        ReadFile(place.shown_as, source.sha256, source.bytes, copier.rows),
        WrittenFile(shown(place.out), written.sha256, written.bytes, copier.rows),
        copier.changed_rows,
        shown(place.map) if place.map else None,
    )
