r"""F025 A column of several types.

## What it finds
A key whose values are of different types, in one row or from row to row: text and list, object and text.

## Why it matters
Arrow gives a column one type: `load_dataset` stops, often without a row number.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi?"}]}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix yet: to write such values as JSON text changes what templates see.

## References
axolotl, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit, Row
from service.lint.columns import column_kinds, mixed, shown


def find(row: Row) -> Iterator[Hit]:
    for column, kinds in mixed(column_kinds(row.data)).items():
        yield Hit(f"{' and '.join(kinds)} in one column", pointer=shown(column))


def find_between_rows(facts: CorpusFacts) -> Iterator[Hit]:
    for one in facts.retyped:
        earlier = f"line {one.first.line}" + (f" of {one.first.path}" if one.first.path != one.place.path else "")
        message = f"{one.now} in a column that is {one.before} in {earlier}"
        yield Hit(message, pointer=one.column, path=one.place.path, line=one.place.line)


CHECK = Check(code="F025", scope="row", severity="---W", find=find, between_rows=find_between_rows)
