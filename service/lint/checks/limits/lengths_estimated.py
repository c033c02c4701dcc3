r"""L090 Token counts are estimates.

## What it finds
Lengths are estimated at four bytes a token, because no encoder was used.

## Why it matters
Limits are judged on the estimate.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

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
    if facts.valid:
        yield Hit("lengths are estimated at four bytes a token")


CHECK = Check(code="L090", scope="corpus", severity="IIII", find=find)
