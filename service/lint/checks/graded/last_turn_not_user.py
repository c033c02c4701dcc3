r"""G001 The last message is not the user's.

## What it finds
A row for reinforcement tuning that ends with another role.

## Why it matters
The model answers; the grader judges the answer.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "reference": "Hello."}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}], "reference": "Hello."}

## Fix safety
Unsafe: cuts the answer off.

## References
azure-rft
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role, shown_role


def find(row: Row) -> Iterator[Hit]:
    if row.messages and role(row.messages[-1][1]) != "user":
        seen = shown_role(row.messages[-1][1])
        yield Hit(f"the last message is {seen}; it must be user", pointer=f"/messages/{row.messages[-1][0]}")


CHECK = Check(code="G001", scope="row", severity="EE--", find=find, fix="unsafe", methods=("rft",))
