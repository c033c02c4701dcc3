r"""P042 Personal data all over the file.

## What it finds
Personal data or secrets in at least as many percent of the scanned training rows as the profile says
(dense_personal_percent).

## Why it matters
Azure scans training data before it trains on it, and a file that is full of personal data may be refused whole; the
failing job names no row. A set that is about personal data may be what is meant.

## Example
(a file of forms, each with a name, a phone number and an address)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix by --fix: `tunegate redact` writes a copy without it.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_FEWEST_ROWS = 10


def find(facts: CorpusFacts) -> Iterator[Hit]:
    found, most = facts.personal, facts.limits.get("dense_personal_percent", 0)
    if most and found.holding >= _FEWEST_ROWS and 100 * found.holding >= most * found.looked_at:
        yield Hit(f"{found.holding} of {found.looked_at} scanned rows hold personal data or secrets")


CHECK = Check(code="P042", scope="corpus", severity="I-I-", find=find)
