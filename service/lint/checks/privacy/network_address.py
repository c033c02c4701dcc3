r"""P011 An IP or MAC address.

## What it finds
IP addresses of both versions, and MAC addresses.

## Why it matters
An address names a household or a device, and in the European Union counts as personal data. Those of
examples, of private networks and of the machine itself are nobody's (P013).

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My IP address is 8.8.4.4."}, {"role": "assistant", "content": "Hello."}]}

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

CHECK = personal_check("P011")
