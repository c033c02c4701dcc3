r"""R031 Weight on a message that is never trained.

## What it finds
A weight on a system, user or tool message.

## Why it matters
Only assistant messages are trained; the key is refused.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?", "weight": 1}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: it was never used. On a message of unknown role it stays.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role, shown_role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if "weight" in message and role(message) != "assistant":
            yield Hit(f"weight on a {shown_role(message)} message", pointer=f"/messages/{i}/weight")


CHECK = Check(code="R031", scope="row", severity="EEE-", find=find, fix="safe", needs=("weight",))
