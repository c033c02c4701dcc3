r"""D003 A role that an output does not have.

## What it finds
Messages of other roles than assistant and tool in an output.

## Why it matters
The service refuses the row.

## Example
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

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
from service.lint.shape import implicit_prompt, outputs, role, shown_role


def find(row: Row) -> Iterator[Hit]:
    shared = implicit_prompt(row.data)
    for key, output in outputs(row):
        for i, message in enumerate(output):
            if i >= shared and isinstance(message, dict) and role(message) not in {"assistant", "tool"}:
                yield Hit(f"a {shown_role(message)} message in an output", pointer=f"/{key}/{i}/role")


CHECK = Check(code="D003", scope="row", severity="EE-W", find=find, methods=("dpo",))
