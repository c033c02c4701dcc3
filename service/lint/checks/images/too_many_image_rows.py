r"""M005 More rows with images than the target takes.

## What it finds
More rows with images than the target's limit.

## Why it matters
The job fails.

## Example
(50,001 rows with images)

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
    most = facts.limits.get("max_image_examples", 0)
    if most and facts.with_images > most:
        yield Hit(f"{facts.with_images} rows with images; the limit is {most}")


CHECK = Check(code="M005", scope="corpus", severity="EE--", find=find)
