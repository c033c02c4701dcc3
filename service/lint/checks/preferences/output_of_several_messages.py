r"""D006 An output of several messages.

## What it finds
More than one message in an output.

## Why it matters
Some services take one only.

## Example
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}, {"role": "assistant", "content": "And welcome."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Instead
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import implicit_prompt, outputs


def find(row: Row) -> Iterator[Hit]:
    shared = implicit_prompt(row.data)
    for key, output in outputs(row):
        if len(output) - shared > 1:
            yield Hit(f"{len(output) - shared} messages in an output", pointer=f"/{key}")


CHECK = Check(code="D006", scope="row", severity="IW-I", find=find, methods=("dpo",))
