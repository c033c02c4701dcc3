r"""F026 Prompts and completions for a target that reads chats.

## What it finds
A row of `prompt` and `completion` where the target reads `messages` only.

## Why it matters
The job is refused at the first row; text generation models and TRL read such rows, chat models do not.

## Example
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: conversion is a verb of its own.

## References
azure-fine-tuning, azure-serverless, trl-formats, kaito
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) == COMPLETION:
        yield Hit("a prompt/completion row; this target reads `messages`: tunegate convert makes them")


CHECK = Check(code="F026", scope="row", severity="EE--", find=find, methods=("sft", "rft"), needs=("no-messages",))
