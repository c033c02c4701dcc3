r"""R053 A label that names no class.

## What it finds
A label that is a list or an object, or (a milder case) a number with a fraction.

## Why it matters
A class is a name or a whole number; several labels per row and scores are other tasks.

## Example
{"text1": "The food was cold.", "label": ["negative", "food"]}

## Instead
{"text1": "The food was cold.", "label": "negative"}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless, own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.shape import CLASSIFICATION, shape_of


def find(row: Row) -> Iterator[Hit]:
    label = row.data.get("label")
    if shape_of(row.data) != CLASSIFICATION or label is None or isinstance(label, str | int):
        return
    if isinstance(label, float):
        yield Hit("a number with a fraction; a class is a name or a whole number", pointer="/label", severity="warning")
    else:
        yield Hit(f"saw a {kind(label)}; a class is a name or a whole number", pointer="/label")


CHECK = Check(code="R053", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
