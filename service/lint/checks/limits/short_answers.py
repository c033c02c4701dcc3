r"""L015 Many very short answers.

## What it finds
More than a fifth of the answers have fewer than two words, and they are no classes.

## Why it matters
The model learns to be curt.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 0?"}, {"role": "assistant", "content": "Word0"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 1?"}, {"role": "assistant", "content": "Word1"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 2?"}, {"role": "assistant", "content": "Word2"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 3?"}, {"role": "assistant", "content": "Word3"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 4?"}, {"role": "assistant", "content": "Word4"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 5?"}, {"role": "assistant", "content": "Word5"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 6?"}, {"role": "assistant", "content": "Word6"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 7?"}, {"role": "assistant", "content": "Word7"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 8?"}, {"role": "assistant", "content": "Word8"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 9?"}, {"role": "assistant", "content": "Word9"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 10?"}, {"role": "assistant", "content": "Word10"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 11?"}, {"role": "assistant", "content": "Word11"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 12?"}, {"role": "assistant", "content": "Word12"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 13?"}, {"role": "assistant", "content": "Word13"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 14?"}, {"role": "assistant", "content": "Word14"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 15?"}, {"role": "assistant", "content": "Word15"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 16?"}, {"role": "assistant", "content": "Word16"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 17?"}, {"role": "assistant", "content": "Word17"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 18?"}, {"role": "assistant", "content": "Word18"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 19?"}, {"role": "assistant", "content": "Word19"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 20?"}, {"role": "assistant", "content": "Word20"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 21?"}, {"role": "assistant", "content": "Word21"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 22?"}, {"role": "assistant", "content": "Word22"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 23?"}, {"role": "assistant", "content": "Word23"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-skills, nemo-curator
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_LEAST, _SHARE, _MOST_CLASSES = 20, 0.2, 20


def find(facts: CorpusFacts) -> Iterator[Hit]:
    classes = 1 <= len(facts.label_sizes) <= _MOST_CLASSES
    if facts.answers >= _LEAST and facts.short_answers > _SHARE * facts.answers and not classes:
        yield Hit(f"{facts.short_answers} of {facts.answers} answers have one word")


CHECK = Check(code="L015", scope="corpus", severity="WWWW", find=find)
