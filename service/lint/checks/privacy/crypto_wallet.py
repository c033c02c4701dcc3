r"""P010 A crypto wallet address.

## What it finds
Bitcoin addresses whose checksum is right.

## Why it matters
A wallet's payments are public: its address leads to its owner. A model can repeat what it was tuned on, word for
word, to anybody who asks.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Send it to 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P010")
