r"""Q004 Answers that are all the same.

## What it finds
One answer in all rows (an error), or in more than a fifth of them.

## Why it matters
The model learns to say it always.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 0?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 1?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 2?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 3?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 4?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 5?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 6?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 7?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 8?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 9?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 10?"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 11?"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-python
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_LEAST, _SHARE = 10, 0.2


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.answers < _LEAST or len(facts.label_sizes) > 1:
        return
    if facts.most_common_answer == facts.answers:
        yield Hit(f"all {facts.answers} answers are the same")
    elif facts.most_common_answer > _SHARE * facts.answers:
        yield Hit(f"one answer stands in {facts.most_common_answer} of {facts.answers} rows", severity="warning")


CHECK = Check(code="Q004", scope="corpus", severity="EEEE", find=find)
