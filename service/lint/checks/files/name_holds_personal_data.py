r"""F030 The file's name would show personal data or a key.

## What it finds
An e-mail address, a key with a known prefix, or a long number in the file's name.

## Why it matters
Every report, log and upload list shows the name of the file; nothing of its content.

## Example
(a file named anna.berg@example.com.jsonl)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit

_SHOWN = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "a key": re.compile(r"\b(?:sk-|ghp_|github_pat_|AKIA|xox[abp]-|hf_)[A-Za-z0-9_-]{16}"),
    # phone, card and account numbers; dates and times have fewer digits in a row of groups
    "a long number": re.compile(
        r"(?<![0-9a-zA-Z])\+\d[\d ().-]{8,}\d|(?<![0-9a-zA-Z])\d{4}(?:[ -]?\d{4}){3}(?![0-9a-zA-Z])"
    ),
}


def find(facts: FileFacts) -> Iterator[Hit]:
    for what, pattern in _SHOWN.items():
        if pattern.search(facts.name.replace("\\", "/").rpartition("/")[2]):
            yield Hit(f"{what} in the name of the file; rename it")


CHECK = Check(code="F030", scope="file", severity="WWWW", find=find)
