"""What a person should know about a split before training on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.records.split import Part
from service.split.groups import Group, Rows

# below this a loss on the part says little; hosted trainers want as many
_FEW_ROWS = 10
# an achieved share may be this far from the asked one without a word
_TOLERANCE = 0.01
_NAMES = ("train", "validation", "test")


def warnings(
    parts: Sequence[Part],
    groups: Sequence[Group],
    rows: Rows,
    labels: Sequence[dict[str, int]],
    by: Sequence[str],
    out: Path,
) -> list[str]:
    """One sentence each; never text of a row."""
    found = [one for part in parts[1:] for one in _of_part(part, groups, len(rows))]
    if parts[0].rows < len(rows) / 2:
        found.append(f"less than half of the rows are left to train on: {parts[0].rows:,} of {len(rows):,}")
    for part in parts:
        absent = sum(not label[part.name] for label in labels)
        if absent:
            found.append(f"{absent} of {len(labels)} classes have no row in {part.name}")
    for number, name in enumerate(by):
        if rows.without[number]:
            found.append(f"{rows.without[number]:,} rows have no `{name}`: they are kept together by prompt alone")
    if rows.unknown:
        found.append(f"{rows.unknown:,} rows are of no known shape: only equal ones are kept together")
    written = {part.name for part in parts}
    found += [
        f"{out / f'{name}.jsonl'} is of an earlier split and may share rows with this one"
        for name in _NAMES
        if name not in written and (out / f"{name}.jsonl").exists()
    ]
    return found


def _of_part(part: Part, groups: Sequence[Group], total: int) -> list[str]:
    asked = part.asked_rows or 0
    found = []
    largest = max(group.rows for group in groups)
    if largest > asked:
        found.append(
            f"the largest group ({largest:,} rows) is larger than what was asked for {part.name} ({asked:,} rows)"
        )
    if abs(part.rows - asked) > max(1, _TOLERANCE * total):
        found.append(f"{part.name} has {part.rows:,} rows instead of {asked:,}: groups are not divided")
    if part.rows < _FEW_ROWS:
        found.append(f"{part.name} has {part.rows} rows: a measure on fewer than {_FEW_ROWS} says little")
    return found
