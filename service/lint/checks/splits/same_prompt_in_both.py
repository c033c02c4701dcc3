r"""X002 A validation prompt stands in the training data.

## What it finds
The same prompt in both, with another answer.

## Why it matters
The model has seen the question.

## Example
(a validation file that repeats a training prompt)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the row from the validation data.

## References
semhash
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    yield from facts.same_prompts.hits(lambda earlier: f"the prompt stands in the training data, {earlier}")


CHECK = Check(code="X002", scope="split", severity="WWWW", find=find, fix="unsafe")
