r"""P039 Other personal data.

## What it finds
What a recognizer of your own finds whose entity no other rule names.

## Why it matters
You said that it matters when you added the recognizer.

## Example
(a staff number, with a recognizer of your own)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix by --fix: `tunegate redact` writes a copy in which each value has the same stand-in throughout a conversation; an
allow-list takes out what is no personal data.

## References
own
"""

from __future__ import annotations

from service.lint.personal import personal_check

CHECK = personal_check("P039")
