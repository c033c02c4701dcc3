r"""P043 The privacy scan did not look at everything.

## What it finds
A scan of a sample of the rows, and a named-entity model that is configured and is not on this machine. What no scan of
this kind looks for is said in the report's not_scanned instead.

## Why it matters
What was not scanned is not clean: a report that passes then says less than it seems to.

## Example
(a tenth of the rows, with sample = 0.1)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: scan all rows before the data is used; require_ner makes a missing model an error.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    found = facts.personal
    if found.sampled:
        yield Hit(f"{found.looked_at} of {found.rows} rows were scanned for personal data")
    if found.unavailable:
        yield Hit(f"not scanned, though asked for: {', '.join(found.unavailable)}")


CHECK = Check(code="P043", scope="corpus", severity="IIII", find=find)
