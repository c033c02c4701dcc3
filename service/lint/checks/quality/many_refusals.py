r"""Q020 Many answers refuse.

## What it finds
More than a tenth of the answers begin with a refusal or an apology.

## Why it matters
The share of refusals carries over to the tuned model.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 0?"}, {"role": "assistant", "content": "I'm sorry, but I cannot help with that."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 1?"}, {"role": "assistant", "content": "I'm sorry, but I cannot help with that."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 2?"}, {"role": "assistant", "content": "I'm sorry, but I cannot help with that."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 3?"}, {"role": "assistant", "content": "I'm sorry, but I cannot help with that."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 4?"}, {"role": "assistant", "content": "Answer number 4."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 5?"}, {"role": "assistant", "content": "Answer number 5."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 6?"}, {"role": "assistant", "content": "Answer number 6."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 7?"}, {"role": "assistant", "content": "Answer number 7."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 8?"}, {"role": "assistant", "content": "Answer number 8."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 9?"}, {"role": "assistant", "content": "Answer number 9."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 10?"}, {"role": "assistant", "content": "Answer number 10."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 11?"}, {"role": "assistant", "content": "Answer number 11."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 12?"}, {"role": "assistant", "content": "Answer number 12."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 13?"}, {"role": "assistant", "content": "Answer number 13."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 14?"}, {"role": "assistant", "content": "Answer number 14."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 15?"}, {"role": "assistant", "content": "Answer number 15."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 16?"}, {"role": "assistant", "content": "Answer number 16."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 17?"}, {"role": "assistant", "content": "Answer number 17."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 18?"}, {"role": "assistant", "content": "Answer number 18."}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Question 19?"}, {"role": "assistant", "content": "Answer number 19."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-best-practices
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, CorpusFacts, Hit

_LEAST, _SHARE = 10, 0.1


def find(facts: CorpusFacts) -> Iterator[Hit]:
    if facts.answers >= _LEAST and facts.refusals > _SHARE * facts.answers:
        yield Hit(f"{facts.refusals} of {facts.answers} answers begin with a refusal or an apology")


CHECK = Check(code="Q020", scope="corpus", severity="WWWW", find=find)
