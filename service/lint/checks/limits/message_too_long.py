r"""L012 A message of more characters than a request takes.

## What it finds
A message longer than the limit of requests.

## Why it matters
The scope of the limit is not stated; such a message is cut or refused.

## Example
(a message of 1,048,577 characters)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-quotas
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import texts


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_chars_message", 0)
    for place, _, text in texts(row):
        if most and len(text) > most:
            yield Hit(f"{len(text)} characters; the limit is {most}", pointer=place)


CHECK = Check(code="L012", scope="row", severity="EWW-", find=find, needs=("long",))
