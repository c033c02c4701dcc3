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
from service.lint.shape import BYTES_PER_TOKEN


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.valid and not facts.counted:
        most = facts.longest * BYTES_PER_TOKEN
        yield Hit(
            f"lengths are estimated at four bytes a token; as no token is shorter than a byte, none exceeds {most}"
        )


CHECK = Check(code="L090", scope="corpus", severity="IIII", find=find)
