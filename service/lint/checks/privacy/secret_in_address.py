r"""S002 A secret in an address or a call.

## What it finds
A password in an address (scheme://user:password@host), a signed Azure address (SAS), and any secret that S001 knows
inside the arguments of a call or the address of an image. In the example the name in braces stands for an address
with a password.

## Why it matters
A model that learns such calls makes them: the secret is then used, not only repeated. Signed addresses open what they
point to until they expire.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "It is at {SECRET_URL_PASSWORD}"}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("S002", "EEEE")
