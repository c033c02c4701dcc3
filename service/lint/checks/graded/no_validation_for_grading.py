r"""G002 No validation file.

## What it finds
Reinforcement tuning without a validation file.

## Why it matters
The service refuses the job.

## Example
(a training file alone)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}], "reference": "Hello."}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-rft
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, SplitFacts


def find(split: SplitFacts) -> Iterator[Hit]:
    if not split.has_validation:
        yield Hit("no validation file: --validation FILE")


CHECK = Check(code="G002", scope="split", severity="EE--", find=find, methods=("rft",))
