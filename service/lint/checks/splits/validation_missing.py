r"""X004 No validation data, or too little or too much of it.

## What it finds
Only training data was given, or validation data of fewer than ten rows, or of more rows than training has.

## Why it matters
Nothing shows when training starts to hurt; a few rows show chance, and rows held out are not learned from.

## Example
(no validation file)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts

_FEWEST = 10


def find(facts: SplitFacts) -> Iterator[Hit]:
    if not facts.has_validation:
        yield Hit("no validation file; tunegate split makes one")
        return
    training, held_out = facts.rows
    if 0 < held_out < _FEWEST:
        yield Hit(f"{held_out} validation rows; fewer than {_FEWEST} show little but chance")
    elif held_out > training > 0:
        yield Hit(f"{held_out:,} validation rows for {training:,} training rows; move some to training")


CHECK = Check(code="X004", scope="split", severity="WWWI", find=find)
