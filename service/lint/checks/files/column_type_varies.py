r"""F025 A column of several types.

## What it finds
A key whose values in one row are of different types: text and list, object and text.

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

from service.lint.check import Check, Hit, Row
from service.lint.columns import column_kinds, mixed, shown


def find(row: Row) -> Iterator[Hit]:
    for column, kinds in mixed(column_kinds(row.data)).items():
        yield Hit(f"{' and '.join(kinds)} in one column", pointer=shown(column))


CHECK = Check(code="F025", scope="row", severity="---W", find=find)
