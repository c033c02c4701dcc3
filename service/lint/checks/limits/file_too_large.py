r"""L003 The file is larger than the target accepts.

## What it finds
More bytes than the target's limit.

## Why it matters
The upload fails, or the job does.

## Example
(a file of 600 MB)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: one file becomes several, which is a verb of its own.

## References
azure-quotas
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    most = facts.limits.get("max_file_bytes", 0)
    if most and facts.bytes >= most:
        yield Hit(f"{facts.bytes} bytes; the limit is {most}")


CHECK = Check(code="L003", scope="file", severity="EEE-", find=find)
