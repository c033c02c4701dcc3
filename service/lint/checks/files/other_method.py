r"""F024 Rows of another method.

## What it finds
Preference rows in a file for supervised tuning, or the other way round.

## Why it matters
The job fails at the first row.

## Example
{"input": {"messages": [{"role": "user", "content": "Hi?"}]}, "preferred_output": [{"role": "assistant", "content": "Hello."}], "non_preferred_output": [{"role": "assistant", "content": "Go away."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-dpo, azure-rft
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import PREFERENCE, shape_of


def find(row: Row) -> Iterator[Hit]:
    shape = shape_of(row.data)
    if row.method == "dpo" and shape == "chat":
        yield Hit("a chat row; preference data has two outputs per input")
    if row.method != "dpo" and shape == PREFERENCE:
        yield Hit("preference data; lint it with --method dpo")


CHECK = Check(code="F024", scope="row", severity="EEEE", find=find, needs=("other-method",))
