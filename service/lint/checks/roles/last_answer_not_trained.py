r"""R034 The last answer is not trained.

## What it finds
The last assistant message has weight 0.

## Why it matters
What the row leads up to is left out; often a slip.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hm.", "weight": 1}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "weight": 0}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
axolotl
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    answers = [(i, m) for i, m in row.messages if role(m) == "assistant"]
    if answers and answers[-1][1].get("weight") == 0:
        yield Hit("the last answer has weight 0", pointer=f"/messages/{answers[-1][0]}/weight")


CHECK = Check(code="R034", scope="row", severity="WWWW", find=find, methods=("sft",), needs=("weight",))
