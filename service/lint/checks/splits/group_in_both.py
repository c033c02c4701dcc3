r"""X007 A conversation or a person in both files.

## What it finds
A key such as `conversation_id`, `session_id` or `user_id`, in the row or in its `metadata`, whose value stands in
training and in validation rows; told once a value. A key with one value in all training rows says nothing. Of more
than 50,000 values of a key, those with the lowest hashes are compared, and the message says so.

## Why it matters
Turns of one conversation, and rows of one person, resemble each other: the validation loss looks better than it is.

## Example
(a training and a validation file with rows of one conversation_id)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Unsafe: drops the group's rows from the validation data. Keys that no trainer reads go with F022, so a copy no longer
says to whom its rows belong. To split anew: tunegate split --by KEY.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from service.lint.check import Check, Hit, SharedGroups, SplitFacts


def find(facts: SplitFacts) -> Iterator[Hit]:
    for one in facts.shared:
        yield from one.pairs.hits(partial(_message, one))


def _message(found: SharedGroups, earlier: str) -> str:
    sampled = "" if found.complete else f"; told from {found.compared} of its values"
    return f"the same `{found.key}` as in the training data, {earlier}{sampled}"


CHECK = Check(code="X007", scope="split", severity="WWWW", find=find, fix="unsafe")
