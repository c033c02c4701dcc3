r"""R032 Every answer has weight 0.

## What it finds
All assistant messages carry weight 0.

## Why it matters
The row teaches nothing; alone in a batch its loss is not a number.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "weight": 0}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    answers = [m for _, m in row.messages if role(m) == "assistant"]
    if answers and all(m.get("weight") == 0 and m.get("weight") is not False for m in answers):
        yield Hit(f"all {len(answers)} assistant messages have weight 0", pointer="/messages")


CHECK = Check(code="R032", scope="row", severity="EEEW", find=find, fix="unsafe", methods=("sft",), needs=("weight",))
