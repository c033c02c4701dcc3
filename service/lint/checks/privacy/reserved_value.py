r"""P013 A value that is reserved for examples or for a machine's own network.

## What it finds
Mail addresses of example.com and its like, loopback, private and documentation IP addresses, 555-01xx phone numbers: what
standards keep free, and what is therefore nobody's. It counts neither as personal data in an answer nor as a repeated
value.

## Why it matters
It names no person. It is told because it shows that rows were made up, or that values were already taken out.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write to ada@example.org."}, {"role": "assistant", "content": "Hello."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: nothing needs to go. `reserved` in [privacy] of tunegate.toml says whether it is told ("info"), counts as any
other value ("personal"), or is no finding ("allow").

## References
own
"""

from __future__ import annotations

from service.lint.personal import personal_check
from service.privacy.entities import RESERVED_RULE

CHECK = personal_check(RESERVED_RULE, "IIII")
