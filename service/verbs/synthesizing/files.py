"""The files of a synthesis: the rows, their origins and the record, beside each other; which record a file has."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from service.errors import TuneGateError
from service.files import Staging
from service.records.synthesis import SynthReport

SUFFIX = ".jsonl"
RECORD, PROVENANCE = ".synth.json", ".provenance.jsonl"
# a record of a hundred thousand documents has a third of it
_MOST_RECORD_BYTES = 64 << 20


class Hashed(NamedTuple):
    sha256: str
    bytes: int


def record_path(path: Path) -> Path:
    """NAME.synth.json of NAME.jsonl."""
    return path.with_name(path.name.removesuffix(SUFFIX) + RECORD)


def provenance_path(path: Path) -> Path:
    """NAME.provenance.jsonl of NAME.jsonl."""
    return path.with_name(path.name.removesuffix(SUFFIX) + PROVENANCE)


def read_record(path: Path) -> SynthReport | None:
    """The record that a synthesis left beside its rows; None where there is none that can be read."""
    found = read_records(record_path(path))
    return found[0] if found is not None and len(found) == 1 else None


def read_records(place: Path) -> list[SynthReport] | None:
    """The record in a file, or those of several syntheses whose rows were joined; None where none can be read."""
    try:
        if not place.is_file() or place.stat().st_size > _MOST_RECORD_BYTES:
            return None
        found = msgspec.json.decode(place.read_bytes(), type=SynthReport | list[SynthReport])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, list) else [found]


def require_room(out: Path) -> None:
    """Nothing of the three files is there, but for the record of a run that was killed before its rows appeared.

    Raises:
        TuneGateError: `output_exists`.
    """
    record = None if out.exists() else read_record(out)
    if record is not None and not _renamed(out.parent, record):
        for one in (record_path(out), provenance_path(out)):
            with contextlib.suppress(FileNotFoundError):
                one.unlink()
    taken = [one for one in (out, record_path(out), provenance_path(out)) if one.exists()]
    if taken:
        raise TuneGateError(
            "output_exists",
            f"{', '.join(map(str, taken))} already there.",
            remedy="Name another output; with the same --work nothing is asked twice.",
        )


def _renamed(folder: Path, record: SynthReport) -> bool:
    """Whether the rows of the record are there under another name."""
    rows = record.output
    if rows is None:
        return False
    for one in folder.iterdir():
        if one.is_file() and one.stat().st_size == rows.bytes:
            with one.open("rb") as handle:
                if hashlib.file_digest(handle, "sha256").hexdigest() == rows.sha256:
                    return True
    return False


def write_lines(staging: Staging, path: Path, rows: Iterable[Any]) -> Hashed:
    """Rows as JSONL into a file that appears later."""
    digest, size = hashlib.sha256(), 0
    with staging.open(path) as handle:
        for row in rows:
            line = msgspec.json.encode(row) + b"\n"
            digest.update(line)
            size += len(line)
            handle.write(line)
    return Hashed(digest.hexdigest(), size)
