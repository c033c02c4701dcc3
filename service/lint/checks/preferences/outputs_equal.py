r"""D005 Two equal outputs.

## What it finds
The preferred and the other output are the same.

## Why it matters
The row teaches nothing.

## Example
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Hello."}]}

## Instead
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Fix safety
Unsafe: drops the row.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import outputs


def find(row: Row) -> Iterator[Hit]:
    values = [output for _, output in outputs(row)]
    if len(values) == 2 and values[0] and values[0] == values[1]:
        yield Hit("both outputs are the same")


CHECK = Check(code="D005", scope="row", severity="WW-W", find=find, fix="unsafe", methods=("dpo",))
