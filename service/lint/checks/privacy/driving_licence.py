r"""P008 A driving licence or vehicle number.

## What it finds
Driving licences and number plates; a word nearby must say what they are.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My driver license is H12234567."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P008")
