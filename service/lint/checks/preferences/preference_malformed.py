r"""D001 A preference row without its three parts.

## What it finds
`input`, `preferred_output` or `non_preferred_output` missing or of a wrong type, or an `input` without messages (`chosen`, `rejected` and, unless both begin with it, `prompt` for TRL).

## Why it matters
The job fails at the row.

## Example
{"input": {"messages": [{"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}]}

## Instead
{"input": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-dpo, trl-formats
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row, kind
from service.lint.shape import TYPES, preference_keys


def find(row: Row) -> Iterator[Hit]:
    for key, wanted in preference_keys(row):
        value = row.data.get(key)
        if key not in row.data:
            yield Hit(f"`{key}` is missing")
        elif not isinstance(value, wanted):
            names = " or ".join(TYPES[one] for one in wanted)
            yield Hit(f"saw a {kind(value)}; {key} is {names}", pointer=f"/{key}")
        elif isinstance(value, dict) and not isinstance(value.get("messages"), list):
            yield Hit("the input has no list of messages", pointer=f"/{key}")


CHECK = Check(code="D001", scope="row", severity="EE-E", find=find, methods=("dpo",))
