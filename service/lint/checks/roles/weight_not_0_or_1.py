r"""R030 Weight is not 0 or 1.

## What it finds
A weight that is a boolean, a string, a fraction or another number.

## Why it matters
Services refuse it; others train on what you meant to leave out.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "weight": true}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe for true, false, 1.0 and 0.0, also as strings.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        weight = message.get("weight", 0)
        if weight is not None and (type(weight) is not int or weight not in {0, 1}):
            yield Hit(f"weight is a {kind(weight)}; it is the number 0 or 1", pointer=f"/messages/{i}/weight")


CHECK = Check(code="R030", scope="row", severity="EEE-", find=find, fix="safe", needs=("weight",))
