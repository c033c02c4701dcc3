r"""P005 A national id number.

## What it finds
Numbers that a state gives a person: social security, identity cards, fiscal codes of persons. By shape, by check
digit where there is one, and by a word nearby where neither is enough.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks. Such a number opens accounts, and its
owner cannot change it.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My social security number is 536-90-4399."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P005")
