r"""P041 The same personal value in many examples.

## What it finds
A value, personal or secret, that stands in at least as many training examples as the profile says
(max_examples_per_value), told by its keyed hash. Names, places and organisations are left out.

## Why it matters
What is seen again and again is what a model learns by heart first.

## Example
(one e-mail address in five examples)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix by --fix: `tunegate redact` replaces it everywhere; an allow-list takes out what is meant to be learnt, such as the
address of a help desk.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit


def find(facts: CorpusFacts) -> Iterator[Hit]:
    found = facts.personal
    for number, one in enumerate(found.repeated, 1):
        yield Hit(
            f"{one.title}, value {one.value}, in {one.examples} examples, this first",
            path=one.place.path,
            line=one.place.line,
            further=found.repeated_total - number if number == len(found.repeated) else 0,
        )


CHECK = Check(code="P041", scope="corpus", severity="EEEE", find=find)
