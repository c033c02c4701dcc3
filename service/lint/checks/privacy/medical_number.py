r"""P009 A medical or health insurance number.

## What it finds
Numbers of patients, of insurance and of those who treat, by shape, check digit and a word nearby.

## Why it matters
A model can repeat what it was tuned on, word for word, to anybody who asks. Health data is specially protected in
most countries.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "The NHS patient number is 943 476 5919."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P009")
