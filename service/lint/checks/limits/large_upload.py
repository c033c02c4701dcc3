r"""L004 A file that wants another way of uploading.

## What it finds
More bytes than the portal or a plain upload takes.

## Why it matters
The portal takes 200 MB; uploads of more than 100 MB fail silently unless they are chunked.

## Example
(a file of 150 MB)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-quotas, azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    portal, plain = facts.limits.get("portal_max_bytes", 0), facts.limits.get("plain_upload_max_bytes", 0)
    if portal and facts.bytes > portal:
        yield Hit(f"{facts.bytes} bytes; the portal takes {portal}")
    elif plain and facts.bytes > plain:
        yield Hit(f"{facts.bytes} bytes; use the chunked Uploads API above {plain}")


CHECK = Check(code="L004", scope="file", severity="WIW-", find=find)
