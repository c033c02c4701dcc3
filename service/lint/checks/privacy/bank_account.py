r"""P004 A bank account number.

## What it finds
IBANs whose check digits are right, and account and routing numbers where a word nearby says so.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Pay to GB82WEST12345698765432."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P004")
