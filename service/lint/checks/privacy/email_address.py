r"""P001 An e-mail address.

## What it finds
E-mail addresses, by their shape and a known top-level domain.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks. An address also names its owner.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write to ada@quokkas.org."}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix by --fix: `tunegate redact` writes a copy in which each value has the same stand-in throughout a conversation; an
allow-list takes out what is no personal data.

## References
presidio
"""

from __future__ import annotations

from service.lint.personal import personal_check

CHECK = personal_check("P001")
