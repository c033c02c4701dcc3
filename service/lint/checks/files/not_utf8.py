r"""F002 The line is not UTF-8.

## What it finds
Bytes that are not valid UTF-8.

## Why it matters
Services reject the whole file; the text would be trained as damage.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "At the caf\xe9."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: bytes that are no UTF-8 are read as Windows-1252, which is a guess; a line that is not JSON then stays.

## References
azure-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Line


def find(line: Line) -> Iterator[Hit]:
    try:
        line.raw.decode()
    except UnicodeDecodeError as error:
        yield Hit(
            f"byte {error.start} of the line is not UTF-8 (0x{line.raw[error.start]:02x}); save the file as UTF-8"
        )


CHECK = Check(code="F002", scope="line", severity="EEEE", find=find, fix="unsafe", needs=("no-row",))
