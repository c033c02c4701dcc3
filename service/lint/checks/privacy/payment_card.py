r"""P003 A payment card number.

## What it finds
Card numbers of the known networks whose check digit is right.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks. Payment data also has rules of its own
(PCI DSS).

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My credit card is 4111 1111 1111 1111."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P003")
