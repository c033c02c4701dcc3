r"""P002 A phone number.

## What it finds
Phone numbers that are valid in one of the configured regions; a word such as call or phone nearby makes a doubtful
one a finding.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My phone number is +44 20 7946 0958, call me."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P002")
