r"""D002 An output without an answer.

## What it finds
An empty output, or one without an assistant message.

## Why it matters
There is nothing to prefer.

## Example
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Instead
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-dpo
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import implicit_prompt, outputs, role


def find(row: Row) -> Iterator[Hit]:
    shared = implicit_prompt(row.data)
    for key, output in outputs(row):
        if not any(isinstance(m, dict) and role(m) == "assistant" for m in output[shared:]):
            yield Hit("no assistant message", pointer=f"/{key}")


CHECK = Check(code="D002", scope="row", severity="EE-E", find=find, methods=("dpo",))
