r"""Q030 Languages that are mixed.

## What it finds
With --languages, in a sample of at most 1,000 different rows of 40 characters and more: answers in another language
than their question (at least 2, and 1 % of the sample), and as an information languages beside the main one (at least
3 rows, and 5 %). The language is told from the first 200 characters.

## Why it matters
The model learns to answer in the wrong language. Translation and several languages may be what is meant.

## Example
(questions in English with answers in German, looked at with --languages)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_FEWEST_DIFFERING, _SHARE_DIFFERING = 2, 0.01
_FEWEST_OTHERS, _SHARE_OTHERS = 3, 0.05
_NAMED = 5


def find(facts: CorpusFacts) -> Iterator[Hit]:
    found = facts.languages
    looked_at = found.looked_at
    if found.differing >= max(_FEWEST_DIFFERING, _SHARE_DIFFERING * looked_at):
        first = facts.other_language
        yield Hit(
            f"{found.differing} of {looked_at} sampled rows answer in another language than they are asked in, this first",
            path=first.path if first else None,
            line=first.line if first else None,
        )
    others = looked_at - max(found.rows.values(), default=0)
    if others >= max(_FEWEST_OTHERS, _SHARE_OTHERS * looked_at):
        named = ", ".join(f"{code} {rows}" for code, rows in list(found.rows.items())[:_NAMED])
        yield Hit(f"several languages in {looked_at} sampled rows: {named}", severity="info")


CHECK = Check(code="Q030", scope="corpus", severity="WWWW", find=find)
