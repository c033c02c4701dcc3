r"""P006 A tax number.

## What it finds
Numbers that a tax office gives, by shape and by a word nearby.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My ITIN, the taxpayer id, is 911-70-1234."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P006")
