r"""L006 One file fills the whole resource.

## What it finds
A file larger than all files of one resource together may be.

## Why it matters
No further file fits beside it, the validation data included; an upload then fails.

## Example
(a file of more than 1 GB)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-quotas
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    most = facts.limits.get("max_resource_bytes", 0)
    if most and facts.bytes > most:
        yield Hit(f"{facts.bytes} bytes; all files of a resource may have {most}")


CHECK = Check(code="L006", scope="file", severity="I---", find=find)
