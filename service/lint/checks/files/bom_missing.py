r"""F003 The byte-order mark that the target documents is missing.

## What it finds
A file without a UTF-8 byte-order mark.

## Why it matters
Azure's pages ask for one, though its own sample files have none.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
\xef\xbb\xbf{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe, and made only when the rule is named in --select: adds three bytes before the first row.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit


def find(facts: FileFacts) -> Iterator[Hit]:
    if facts.bom_policy == "asks" and facts.bom is None and facts.rows:
        yield Hit("no UTF-8 byte-order mark; the target documents one, files without are seen to work")


CHECK = Check(code="F003", scope="file", severity="I-I-", find=find, fix="safe")
