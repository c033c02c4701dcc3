"""Which rows of a dataset syntheses wrote: told from what they left beside the file, or what was given with it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from service.packing import open_file, unpacked
from service.records.decision import FactValue
from service.records.lint_report import LintedFile, NotScanned
from service.verbs.synthesizing.files import record_path
from service.verbs.synthesizing.origins import Origins, origins_beside

FACT = "data.synthetic"
# of others' origins in the folder of a file: some two million rows, in a few seconds and 200 MB
_MOST_BYTES = 1 << 30
_SHOWN = 3


class Synthetic(NamedTuple):
    """Training rows by the record of the synthesis that wrote them (0 for one that wrote validation rows alone), their
    share of all training rows (null where there is nothing that could tell), and what is not told.
    """

    rows: dict[str, int]
    share: float | None
    untold: list[NotScanned]

    @property
    def facts(self) -> dict[str, FactValue]:
        return {} if self.share is None else {FACT: self.share}


def synthetic_of(places: Sequence[tuple[Path | None, Origins | None]], files: Sequence[LintedFile]) -> Synthetic:
    """Of files that were linted, with the paths that they were read from, and what is known of them, if it was given.

    A file that is byte for byte what a synthesis wrote is its as a whole; of another one the lines are looked for among
    the origins, so that parts and mixtures are told too.
    """
    rows: Counter[str] = Counter()
    untold: list[NotScanned] = []
    training, known = 0, False
    for (path, given), file in zip(places, files, strict=True):
        counts = file.role == "train"
        training += file.rows * counts
        if path is None or not path.is_file():
            continue
        origins = given if given is not None else origins_beside(path, _MOST_BYTES)
        found = _found(path, file, origins) if origins.records else Counter()
        expected = bool(given.records) if given is not None else bool(origins.own)
        known = known or (counts and (expected or bool(found)))
        rows.update({name: count * counts for name, count in found.items()})
        if (others := file.rows - found.total()) > 0 and (found or expected):
            what = f"where all rows of {file.path} come from"
            untold.append(NotScanned(what, f"{others} of {file.rows} are not those of {_named(path, given, found)}"))
        if origins.unread:
            untold.append(_unread(file, origins.unread))
    return Synthetic(dict(rows), round(rows.total() / training, 6) if known and training else None, untold)


def _found(path: Path, file: LintedFile, origins: Origins) -> Counter[str]:
    """Rows by record."""
    whole = origins.whole(file.sha256)
    if whole is not None:
        return Counter({whole: file.rows})
    with open_file(path, file.path) as stream:
        known = map(origins.record, unpacked(stream, file.path)) if origins.rows else ()
        return Counter(name for name in known if name is not None)


def _unread(file: LintedFile, names: Sequence[str]) -> NotScanned:
    shown = ", ".join(os.fsencode(name).decode("utf-8", "replace") for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    limit = f"origins of other files in its folder beyond {_MOST_BYTES >> 30} GiB were not read"
    return NotScanned(f"which rows of {file.path} other syntheses wrote", f"{limit}: {shown}{more}")


def _named(path: Path, given: Origins | None, found: Counter[str]) -> str:
    if given is None and record_path(path).is_file():
        return record_path(path).name
    names = sorted(found or (given.records if given is not None else {}))
    return f"the synthes{'is' if len(names) == 1 else 'es'} {', '.join(names)}"
