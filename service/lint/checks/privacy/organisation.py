r"""P022 An organisation or its register number.

## What it finds
Organisations that a named-entity model marks, with --privacy ner, and register numbers of companies.

## Why it matters
An employer's name narrows down who somebody is.

## Example
(a company in a text, with --privacy ner)

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

CHECK = personal_check("P022")
