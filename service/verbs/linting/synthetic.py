"""Which rows of a dataset a synthesis wrote: told from the record and the origins that stand beside the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from service.records.decision import FactValue
from service.records.lint_report import LintedFile, NotScanned
from service.records.synthesis import SynthReport
from service.verbs.synthesizing.files import provenance_path, read_record, record_path

FACT = "data.synthetic"


class _Origin(msgspec.Struct, frozen=True):
    sha256: str


class Synthetic(NamedTuple):
    """The ids of the records, their share of the training rows (null without a record), and what is not told."""

    ids: list[str]
    share: float | None
    untold: list[NotScanned]

    @property
    def facts(self) -> dict[str, FactValue]:
        return {} if self.share is None else {FACT: self.share}


def synthetic_of(places: Sequence[tuple[Path | None, Path | None]], files: Sequence[LintedFile]) -> Synthetic:
    """Of files that were linted, with the paths that they were read from, and beside which their record stands.

    A file that is byte for byte what a synthesis wrote is its as a whole; of another one the lines are looked for among
    the origins, so that parts and mixtures are told too. Rows that were changed are not.
    """
    ids: dict[str, None] = {}
    untold: list[NotScanned] = []
    written, rows, known = 0, 0, False
    for (path, beside), file in zip(places, files, strict=True):
        training = file.role == "train"
        rows += file.rows * training
        record = read_record(beside) if beside is not None else None
        if path is None or beside is None or record is None:
            continue
        known = known or training
        found = _rows(path, beside, file, record)
        ids |= {record.id: None} if found else {}
        written += found * training
        if found < file.rows:
            others = file.rows - found
            source = record_path(beside).name if beside == path else f"the synthesis {record.id}"
            why = f"{others} of {file.rows} are not those of {source}"
            untold.append(NotScanned(f"where all rows of {file.path} come from", why))
    return Synthetic(list(ids), round(written / rows, 6) if known and rows else None, untold)


def _rows(path: Path, beside: Path, file: LintedFile, record: SynthReport) -> int:
    if record.output is not None and record.output.sha256 == file.sha256:
        return file.rows
    origins = _origins(beside)
    if not origins:
        return 0
    with path.open("rb") as handle:
        return sum(hashlib.sha256(line.rstrip(b"\r\n")).hexdigest() in origins for line in handle)


def _origins(beside: Path) -> set[str]:
    decoder = msgspec.json.Decoder(_Origin)
    try:
        with provenance_path(beside).open("rb") as handle:
            return {decoder.decode(line).sha256 for line in handle}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return set()
