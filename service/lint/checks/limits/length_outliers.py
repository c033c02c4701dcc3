r"""L014 Rows far longer or shorter than the others.

## What it finds
Rows whose length is an outlier: a modified z-score of its logarithm above 3.5 and at least four times off the median.

## Why it matters
They set the memory and the padding of every batch; short ones are mostly damaged.

## Example
(30 rows of about 40 tokens and one of 4,000)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-skills, nemo-curator
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import exp, log

from service.lint.check import Check, CorpusFacts, Hit

# Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): 0.6745 and 3.5 for the modified z-score
_NORMAL, _Z = 0.6745, 3.5
_LEAST, _TIMES, _LEAST_SPREAD = 20, 4, 0.05


def find(facts: CorpusFacts) -> Iterator[Hit]:
    logs = {size: log(max(size, 1)) for size in facts.lengths}
    rows = sum(facts.lengths.values())
    if rows < _LEAST:
        return
    middle = _median({logs[size]: count for size, count in facts.lengths.items()}, rows)
    away: Counter[float] = Counter()
    for size, count in facts.lengths.items():
        away[abs(logs[size] - middle)] += count
    spread = max(_median(away, rows), _LEAST_SPREAD)
    far = [size for size in logs if abs(logs[size] - middle) > max(_Z * spread / _NORMAL, log(_TIMES))]
    if far:
        count = sum(facts.lengths[size] for size in far)
        yield Hit(f"{count} of {rows} rows: median {exp(middle):.0f} tokens, these from {min(far)} to {max(far)}")


def _median(sizes: Mapping[float, int], rows: int) -> float:
    seen = 0
    for size in sorted(sizes):
        seen += sizes[size]
        if 2 * seen >= rows:
            return size
    return 0.0


CHECK = Check(code="L014", scope="corpus", severity="IIII", find=find)
