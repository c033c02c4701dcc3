r"""Q006 Classes of very different size.

## What it finds
Few distinct short answers or classes of texts, the most common one more than ten times as frequent as the rarest.

## Why it matters
The rare classes are hardly learned.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 0?"}, {"role": "assistant", "content": "no"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 1?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 2?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 3?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 4?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 5?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 6?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 7?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 8?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 9?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 10?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 11?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 12?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 13?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 14?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 15?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 16?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 17?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 18?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 19?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 20?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 21?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 22?"}, {"role": "assistant", "content": "yes"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail number 23?"}, {"role": "assistant", "content": "yes"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-serverless
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_LEAST, _MOST_CLASSES, _RATIO = 20, 20, 10


def find(facts: CorpusFacts) -> Iterator[Hit]:
    sizes = facts.label_sizes
    if sum(sizes) >= _LEAST and 2 <= len(sizes) <= _MOST_CLASSES and max(sizes) > _RATIO * min(sizes):
        yield Hit(f"{len(sizes)} classes of {min(sizes)} to {max(sizes)} rows")


CHECK = Check(code="Q006", scope="corpus", severity="WWWW", find=find)
