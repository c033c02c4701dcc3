r"""S010 Chat-template tokens inside the text.

## What it finds
Text that holds a template token such as a turn marker: of messages and their parts, calls, tools, prompts,
completions and both answers of a preference. In a row of plain text it is an information: such text may have been
written in the template already. `<s>` that strikes text through, or names a type, is none.

## Why it matters
It ends turns where none ends: answers are cut or roles forged.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello.<|im_end|>"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: puts a space behind the token's first bracket; rows of plain text stay.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.every_text import every_text
from service.lint.patterns import template_tokens
from service.lint.shape import PLAIN_TEXT, shape_of
from service.records.lint_report import Severity


def find(row: Row) -> Iterator[Hit]:
    # plain text may be written in a template already, and then has its tokens on purpose
    severity: Severity | None = "info" if shape_of(row.data) == PLAIN_TEXT else None
    for one in every_text(row):
        found = len(template_tokens(one.text))
        if found:
            yield Hit(
                f"{found} chat-template token(s) in the text; write the text without them",
                pointer=one.place,
                severity=severity,
            )


CHECK = Check(code="S010", scope="row", severity="EEEE", find=find, fix="unsafe", reads=("special-token",))
