r"""P021 A place or postal address.

## What it finds
Places that a named-entity model marks, with --privacy ner.

## Why it matters
An address tells where somebody lives. Towns and countries are mostly no harm: ignore the rule, or allow them.

## Example
(a street in a text, with --privacy ner)

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

CHECK = personal_check("P021")
