r"""R046 Prompt and completion hold messages.

## What it finds
A prompt and a completion that are lists of messages, for a target that reads them as text.

## Why it matters
TRL reads such rows; hosted services do not.

## Example
{"prompt": [{"role": "user", "content": "Hi?"}], "completion": [{"role": "assistant", "content": "Hello."}]}

## Instead
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) == COMPLETION:
        for key in ("prompt", "completion"):
            value = row.data.get(key)
            if isinstance(value, list) and all(isinstance(one, dict) for one in value):
                yield Hit("a list of messages; this target reads text: write one `messages` list", pointer=f"/{key}")


CHECK = Check(code="R046", scope="row", severity="EEE-", find=find, methods=("sft",), needs=("no-messages",))
