r"""Q032 Very long conversations.

## What it finds
Conversations of more than 100 turns.

## Why it matters
They are cut, or pay for context that teaches little.

## Example
(a conversation of 120 turns)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
data-juicer
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_MOST = 100


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.longest_turns > _MOST:
        yield Hit(f"a conversation of {facts.longest_turns} turns")


CHECK = Check(code="Q032", scope="corpus", severity="IIII", find=find)
