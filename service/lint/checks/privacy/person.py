r"""P020 A person's name.

## What it finds
Names of persons that a named-entity model marks, with --privacy ner.

## Why it matters
A name beside what was said makes the rest personal. Public persons are no harm: allow them.

## Example
(a name in a text, with --privacy ner)

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

CHECK = personal_check("P020")
