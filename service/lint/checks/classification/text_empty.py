r"""R051 The text of a class is empty or no text.

## What it finds
A `text1` or `text2` that is empty, holds spaces only, or is no text.

## Why it matters
The label is learned from nothing.

## Example
{"text1": " ", "label": "negative"}

## Instead
{"text1": "The food was cold.", "label": "negative"}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.shape import CLASSIFICATION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != CLASSIFICATION:
        return
    for key in ("text1", "text2", "text"):
        value = row.data.get(key)
        if isinstance(value, str) and not value.strip():
            yield Hit("an empty text", pointer=f"/{key}")
        elif key in row.data and not isinstance(value, str) and not (key == "text1" and value is None):
            yield Hit(f"saw a {kind(value)}; {key} is text", pointer=f"/{key}")


CHECK = Check(code="R051", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
