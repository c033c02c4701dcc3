r"""F027 Labelled texts for a target that reads conversations.

## What it finds
A row of a text and its label where the target trains on conversations.

## Why it matters
The job is refused, or the trainer stops at the first row: it has no text to train on.

## Example
{"text1": "The food was cold.", "label": "negative"}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: conversion is a verb of its own.

## References
azure-fine-tuning, azure-serverless, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import CLASSIFICATION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) == CLASSIFICATION:
        yield Hit(
            "a classification row; this target reads no labels: tunegate convert --map user=text1,assistant=label"
        )


CHECK = Check(code="F027", scope="row", severity="EE-E", find=find, methods=("sft", "rft"), needs=("no-messages",))
