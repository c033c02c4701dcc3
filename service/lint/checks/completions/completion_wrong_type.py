r"""R041 Prompt or completion of a wrong type.

## What it finds
A prompt or completion that is neither text nor a list of messages, or one of each kind.

## Why it matters
The loader stops, or trains on the text of a number or an object.

## Example
{"prompt": "How many are two and two?", "completion": 4}

## Instead
{"prompt": "What is the capital of Norway?", "completion": " Oslo."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.shape import COMPLETION, shape_of


def find(row: Row) -> Iterator[Hit]:
    if shape_of(row.data) != COMPLETION:
        return
    found = {key: row.data[key] for key in ("prompt", "completion") if row.data.get(key) is not None}
    for key, value in found.items():
        messages = isinstance(value, list) and all(isinstance(one, dict) and "role" in one for one in value)
        if not isinstance(value, str) and not messages:
            yield Hit(f"saw a {kind(value)}; {key} is text", pointer=f"/{key}")
    if {kind(value) for value in found.values()} == {"string", "array"}:
        yield Hit("one of prompt and completion is text, the other a list of messages")


CHECK = Check(code="R041", scope="row", severity="EEEE", find=find, methods=("sft",), needs=("no-messages",))
