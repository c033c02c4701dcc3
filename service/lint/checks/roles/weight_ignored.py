r"""R033 A weight that the target ignores.

## What it finds
`weight` on assistant messages for a trainer that does not read it.

## Why it matters
Answers that were meant to be left out are trained on.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hm.", "weight": 0}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.", "weight": 1}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the weight; the answer is then trained on.

## References
axolotl
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import role


def find(row: Row) -> Iterator[Hit]:
    for i, message in row.messages:
        if "weight" in message and role(message) == "assistant":
            place = f"/messages/{i}/weight"
            if message["weight"] == 0:
                yield Hit("weight 0 is not read by this target: the answer is trained on", pointer=place)
            else:  # it says what happens anyway
                yield Hit("weight is not read by this target", pointer=place, severity="info")


CHECK = Check(code="R033", scope="row", severity="--WW", find=find, fix="unsafe", needs=("weight",))
