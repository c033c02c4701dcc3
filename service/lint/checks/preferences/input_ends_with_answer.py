r"""D004 An input without an open question.

## What it finds
The input ends with an assistant message, or has no user message.

## Why it matters
There is nothing to answer.

## Example
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

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
from service.lint.shape import preference_input, role


def find(row: Row) -> Iterator[Hit]:
    found = [one for one in preference_input(row) if isinstance(one, dict)]
    place = "/input/messages" if "input" in row.data else "/prompt" if "prompt" in row.data else "/chosen"
    if found and role(found[-1]) == "assistant":
        yield Hit("the input ends with the assistant", pointer=f"{place}/{len(found) - 1}")
    if found and not any(role(one) == "user" for one in found):
        yield Hit("no user message in the input", pointer=place)


CHECK = Check(code="D004", scope="row", severity="EE-W", find=find, methods=("dpo",))
