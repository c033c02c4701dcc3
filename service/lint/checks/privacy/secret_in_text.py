r"""S001 A secret in a text.

## What it finds
Keys, tokens, private keys, connection strings and passwords that are set, by the shapes that their providers publish;
some also by their checksum or by how random they are. In the example the name in braces stands for one.

## Why it matters
A model can repeat the secret to anybody who asks, and the file is copied to wherever training runs. Taking it out of
the data does not make it safe again: it must be replaced where it is used.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Here is my key: {SECRET_AWS_ACCESS_KEY}"}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix by --fix: `tunegate redact` writes a copy in which each value has the same stand-in throughout a conversation; an
allow-list takes out what is no personal data.

## References
own
"""

from __future__ import annotations

from service.lint.personal import personal_check

CHECK = personal_check("S001", "EEEE")
