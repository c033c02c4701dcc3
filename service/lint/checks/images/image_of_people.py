r"""M013 Images may be skipped.

## What it finds
Images of people, faces, children or CAPTCHAs are left out by the service.

## Why it matters
Rows disappear from training without an error; nobody can tell from here which.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}, {"role": "assistant", "content": "A map."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-vision
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.with_images:
        yield Hit(f"{facts.with_images} row(s) have images; those of people, faces or CAPTCHAs are skipped")


CHECK = Check(code="M013", scope="corpus", severity="II--", find=find)
