r"""L013 An answer that is longer than the model can write.

## What it finds
An assistant turn of more tokens than the model gives in one reply.

## Why it matters
The tuned model stops at its limit: the rest of such answers is trained for nothing.

## Example
(an answer of 40,000 tokens)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-model-limits
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.sizes import answers, tokens


def find(row: Row) -> Iterator[Hit]:
    most = row.limits.get("max_output_tokens", 0)
    for place, text, _ in answers(row):
        if most and tokens(text) > most:
            yield Hit(f"about {tokens(text)} tokens; the model writes at most {most}", pointer=place)


CHECK = Check(code="L013", scope="row", severity="WWW-", find=find, needs=("long",))
