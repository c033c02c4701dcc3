r"""Q012 The system message outweighs the rest of the row.

## What it finds
Rows whose system message has at least 400 characters and more tokens than all other messages together.

## Why it matters
It is paid for and read in every row; a tuned model mostly needs a part of it.

## Example
(rows with a system message of 2,000 characters and a short answer)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.system_heavy:
        yield Hit(f"in {facts.system_heavy} of {facts.rows} rows the system message is longer than the rest")


CHECK = Check(code="Q012", scope="corpus", severity="IIII", find=find)
