"""The files of a synthesis: the rows, their origins and the record, beside each other; which record a file has."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from service.errors import TuneGateError
from service.files import Staging, write_atomically
from service.records.synthesis import SynthReport

SUFFIX = ".jsonl"
RECORD, PROVENANCE = ".synth.json", ".provenance.jsonl"


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
    """The record that stands beside a JSONL file; None where there is none that can be read."""
    if not path.name.endswith(SUFFIX):
        return None
    try:
        return msgspec.json.decode(record_path(path).read_bytes(), type=SynthReport)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def carry_over(inputs: Iterable[Path | None], outs: Iterable[Path]) -> None:
    """Put the record and the origins of the inputs beside files that have their lines; nothing where two have one.

    Raises:
        TuneGateError: `disk_full`, `unreadable_path`.
    """
    written = [path for path in inputs if path is not None and read_record(path) is not None]
    if len(written) != 1 or not provenance_path(written[0]).is_file():
        return
    for out in outs:
        for place in (record_path, provenance_path):
            write_atomically(place(out), place(written[0]).read_bytes())


def require_room(out: Path) -> None:
    """Nothing of the three files is there, but for the record of a run that was killed before its rows appeared.

    Raises:
        TuneGateError: `output_exists`.
    """
    if not out.exists() and read_record(out) is not None:
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
