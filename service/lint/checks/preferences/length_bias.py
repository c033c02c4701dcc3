r"""D007 The preferred output is mostly the longer one.

## What it finds
The preferred outputs are much longer (or shorter) than the others.

## Why it matters
The model learns length in place of quality.

## Example
(twenty rows whose preferred output is three times as long)

## Instead
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    preferred, other = facts.preferred_bytes, facts.other_bytes
    if facts.rows >= 10 and preferred and other and not 0.5 <= preferred / other <= 2:
        yield Hit(f"preferred outputs have {preferred / other:.1f} times the length of the others")


CHECK = Check(code="D007", scope="corpus", severity="WW-W", find=find, methods=("dpo",))
