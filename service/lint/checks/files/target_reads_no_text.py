r"""F029 Plain text for a target that reads chats.

## What it finds
A row of nothing but `text` where the target reads `messages`.

## Why it matters
The job is refused at the first row; TRL trains on all of such a text, chat services do not.

## Example
{"text": "Oslo is the capital of Norway."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what is asked and what is answered in it.

## References
azure-fine-tuning, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import PLAIN_TEXT, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) == PLAIN_TEXT:
        yield Hit("a row of plain text; this target reads `messages`")


CHECK = Check(code="F029", scope="row", severity="EEE-", find=find, methods=("sft", "rft"))
