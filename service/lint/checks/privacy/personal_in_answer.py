r"""P040 Personal data in an answer that is trained on.

## What it finds
Personal data of any kind in what the model learns to say: an assistant's content and calls (unless weight 0 leaves them
out of training), a completion, a preferred output. One finding for each text; the rule of the kind names each value.
Names, places and organisations, which only a model marks, are left out.

## Why it matters
What stands in a prompt is read, what stands in an answer is learnt: these tokens are what the loss is made of.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada, ada@quokkas.org, who is in."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix by --fix: `tunegate redact` writes a copy in which each value has the same stand-in throughout a conversation; an
allow-list takes out what is no personal data.

## References
own
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.personal import READS, personal_of


def find(row: Row) -> Iterator[Hit]:
    answers: dict[str, Counter[str]] = {}
    for one in personal_of(row):
        if one.trained and one.memorised and one.rule.startswith("P"):
            answers.setdefault(one.pointer, Counter())[one.entity] += 1
    for place, entities in answers.items():
        said = ", ".join(f"{entity} x {times}" if times > 1 else entity for entity, times in entities.items())
        yield Hit(f"{said} in an answer that is trained on", pointer=place)


CHECK = Check(code="P040", scope="row", severity="EEEW", find=find, reads=(READS,))
