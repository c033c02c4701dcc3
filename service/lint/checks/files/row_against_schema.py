r"""F040 A row that the given schema refuses.

## What it finds
With `--row-schema FILE`, a row that the JSON Schema in the file refuses: where, and by which keyword.

## Why it matters
A project may want more of its rows than a trainer does: an id, a licence, one of its own labels.

## Example
(a row without `id`, and a schema that requires one)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.lint.check import Check, Hit, Row
from service.lint.json_schema import violations


def find(row: Row, validator: Any = None) -> Iterator[Hit]:
    if validator is None:
        return
    for one in violations(validator, row.data):
        yield Hit(f"the row breaks `{one.keyword}` of its schema{one.said}", pointer=one.pointer or None)


CHECK = Check(code="F040", scope="row", severity="EEEE", find=find)
