r"""P012 A postcode.

## What it finds
Postcodes, where a recognizer for a country's is switched on.

## Why it matters
With a date of birth it is often enough to tell who somebody is.

## Example
(a British postcode, with Presidio's recognizer of them switched on)

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

CHECK = personal_check("P012")
