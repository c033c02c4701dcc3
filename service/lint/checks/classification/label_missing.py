r"""R052 The label is missing.

## What it finds
A text to classify without a `label`, or with an empty one.

## Why it matters
There is nothing to learn from the row.

## Example
{"text1": "The food was cold."}

## Instead
{"text1": "The food was cold.", "label": "negative"}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import CLASSIFICATION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != CLASSIFICATION:
        return
    label = row.data.get("label")
    if label is None or (isinstance(label, str) and not label.strip()):
        yield Hit("no label" if label is None else "an empty label", pointer="/label" if "label" in row.data else None)


CHECK = Check(code="R052", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
