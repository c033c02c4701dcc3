r"""F029 Plain text for a target that reads conversations.

## What it finds
A row of a `text` and no label, as language modelling has it, where the target trains on conversations.

## Why it matters
The job is refused at the first row. TRL's trainer reads such rows, and trains on all of the text: nothing in it says
which part is the answer.

## Example
{"text": "The library opens at nine."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows which part is asked and which is answered.

## References
azure-fine-tuning, azure-serverless, trl-formats, kaito
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import PLAIN_TEXT, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) == PLAIN_TEXT:
        yield Hit("a row of plain text; this target reads `messages`: write chats")


CHECK = Check(code="F029", scope="row", severity="EEE-", find=find, methods=("sft", "rft"))
