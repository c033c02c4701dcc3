r"""R050 The text of a class is missing.

## What it finds
A labelled row without `text1`; a text under the name `text` is a milder case.

## Why it matters
There is nothing to classify; the documented names are `text1`, `text2` and `label`.

## Example
{"text1": null, "label": "negative"}

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
    if shape_of(row.data) != CLASSIFICATION or row.data.get("text1") is not None:
        return
    if isinstance(row.data.get("text"), str):
        yield Hit("the text is under `text`; the documented name is `text1`", pointer="/text", severity="warning")
    else:
        yield Hit("no `text1`", pointer="/text1" if "text1" in row.data else None)


CHECK = Check(code="R050", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
