r"""F015 Half of a surrogate pair.

## What it finds
A \ud800-\udfff escape without its other half.

## Why it matters
It is no character; encoders crash or train on damage.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "\\ud800"}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: the lost character becomes U+FFFD.

## References
own
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Line


def find(line: Line) -> Iterator[Hit]:
    if line.error and re.search(rb"\\u[dD][89a-fA-F]", line.raw):
        yield Hit("half of a surrogate pair (\\ud800 to \\udfff); the text was cut inside a character")


CHECK = Check(code="F015", scope="line", severity="EEEE", find=find, fix="unsafe", needs=("no-row",))
