r"""L016 Question and answer of very different length.

## What it finds
A row of at least 16,000 characters whose one side is two hundred times as long as the other.

## Why it matters
Nearly all of the row is paid for and not trained, or an answer of this length has almost no question behind it.

## Example
(a question of 20,000 characters and the answer `Yes.`)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import texts
from service.lint.sizes import lopsided


def find(row: Row) -> Iterator[Hit]:
    sizes = {"prompt": 0, "answer": 0}
    for _, who, text in texts(row):
        sizes["answer" if who == "assistant" else "prompt"] += len(text)
    if lopsided(sizes["prompt"], sizes["answer"]):
        yield Hit(f"{sizes['prompt']} characters of prompt, {sizes['answer']} of answer")


CHECK = Check(code="L016", scope="row", severity="IIII", find=find, methods=("sft",), needs=("long",))
