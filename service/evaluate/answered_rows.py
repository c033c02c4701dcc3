"""Answers and scores row by row, kept in the folder of an evaluation, so that a later one can be paired with it.

The record holds no text and no row; this stands beside the answers, readable by the folder's owner alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.kept_measures import KeptMeasures, kept_files, key_of
from service.evaluate.measuring import Side
from service.records.identity import digest

_PLACES = frozenset(("line", "path", "line_in_file"))


class AnsweredRow(msgspec.Struct, frozen=True):
    """A row's first answer and its scores; `key` is the same for the same row in another file or place."""

    key: str
    text: str | None
    scores: dict[str, float]


class AnsweredCell(msgspec.Struct, frozen=True):
    """The answered rows of one variant with one model."""

    variant: str
    model: str
    rows: list[AnsweredRow]


class AnsweredRows(msgspec.Struct, frozen=True, tag="tunegate.answered-rows/1", forbid_unknown_fields=True):
    """All rows of an evaluation that were answered."""

    cells: list[AnsweredCell]


def keep_rows(
    kept: KeptMeasures,
    keys: Sequence[str],
    rows: Sequence[EvaluationRow],
    answers: Mapping[tuple[str, str], Sequence[Answer]],
    sides: Sequence[Side],
) -> None:
    """Write the rows into the folder; `keys` say what the sides rest on.

    Raises:
        TuneGateError: `disk_full`, `unreadable_path`.
    """
    names = row_keys(rows)

    def make() -> AnsweredRows:
        return AnsweredRows([_cell(side, names, answers[side.variant, side.model]) for side in sides])

    kept.of(key_of("answered rows", list(keys)), AnsweredRows, make)


def kept_rows(folder: Path) -> AnsweredRows | None:
    """The rows that the folder of a finished evaluation holds, or None."""
    return next(kept_files(folder, AnsweredRows), None)


def row_keys(rows: Sequence[EvaluationRow]) -> dict[int, str]:
    """Line -> a name for what is asked and expected; of equal rows the second is another than the first."""
    seen: Counter[str] = Counter()
    found = {}
    for row in rows:
        content = {name: value for name, value in msgspec.to_builtins(row).items() if name not in _PLACES}
        name = digest(content)
        found[row.line] = f"{name}.{seen[name]}"
        seen[name] += 1
    return found


def _cell(side: Side, names: Mapping[int, str], answers: Sequence[Answer]) -> AnsweredCell:
    given = {one.line: one.text for one in answers if one.error is None}
    scores = {
        line: {name: by_line[line] for name, by_line in side.scores.rows.items() if line in by_line} for line in given
    }
    rows = [AnsweredRow(names[line], text, scores[line]) for line, text in sorted(given.items()) if line in names]
    return AnsweredCell(side.variant, side.model, rows)
